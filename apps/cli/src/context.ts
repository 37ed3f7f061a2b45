/** What a command stands on: the connection, the printer, and the time it has. */

import { Api } from './client/api.ts';
import { type Connection, connectionOf } from './config.ts';
import { parseDuration } from './duration.ts';
import { exit } from './exit.ts';
import { Failure, usage } from './failure.ts';
import { type Format, formats, Printer, type Terminal } from './output/printer.ts';

/** Options every command takes. */
export interface CommonFlags {
  readonly output?: string;
  readonly url?: string;
  readonly token?: string;
  readonly timeout?: string;
  readonly verbose?: boolean;
  /** False under `--no-input`. */
  readonly input?: boolean;
}

export interface Context {
  readonly printer: Printer;
  readonly connection: Connection;
  readonly api: Api;
  readonly signal: AbortSignal;
  readonly env: Terminal['env'];
  /** Whether the person may be asked. */
  readonly mayAsk: boolean;
  /** What stood behind `--`. */
  readonly passed: readonly string[];
}

export function contextOf(flags: CommonFlags, terminal: Terminal, passed: readonly string[]): Context {
  const format = flags.output ?? 'table';
  if (!formats.includes(format as Format))
    throw usage(
      'the output form is not known',
      `${format} is none of ${formats.join(', ')}`,
      'choose one of them with -o',
    );
  const printer = new Printer(format as Format, terminal);
  const connection = connectionOf(flags, terminal.env);
  const signal = deadline(flags.timeout);
  const log = flags.verbose === true ? (line: string) => printer.note(`> ${line}`) : undefined;
  const mayAsk = flags.input !== false && process.stdin.isTTY && terminal.stdout.isTTY;
  return { printer, connection, api: new Api(connection, signal, log), signal, env: terminal.env, mayAsk, passed };
}

/** A signal that fires when the time is up, with the failure to report. */
function deadline(timeout: string | undefined): AbortSignal {
  const control = new AbortController();
  if (timeout === undefined) return control.signal;
  const timer = setTimeout(() => {
    control.abort(
      Failure.of(
        exit.timeout,
        'cli.timeout',
        'the time is up',
        `--timeout ${timeout} has passed`,
        'give it more time, or follow it with `sally run watch`',
      ),
    );
  }, parseDuration(timeout));
  timer.unref();
  return control.signal;
}
