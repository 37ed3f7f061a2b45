/**
 * `run attach`: a run as it happens, and each line of standard input the next thing it is told.
 *
 * Leaving does not end the run. At the end of its standard input it stays until what it said is done, or, having said nothing, until the
 * run is over.
 */

import { createInterface } from 'node:readline';
import { Api } from '../client/api.ts';
import type { Run } from '../client/resources.ts';
import { eventOf, follow, type StreamEvent } from '../client/stream.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { type Flags, isSet } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { Timeline } from '../timeline/timeline.ts';
import { type Saying, say } from './run-steer.ts';
import { finish } from './watch.ts';

export async function attachRun(
  context: Context,
  [id = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  const attached = new Attached(context, id, isSet(flags, 'verbose'));
  // In place of ending the command as a failure: leaving is what was asked for.
  process.removeAllListeners('SIGINT');
  process.once('SIGINT', () => attached.detach());
  return attached.run();
}

class Attached {
  private readonly context: Context;
  private readonly id: string;
  private readonly timeline: Timeline;
  private readonly detached = new AbortController();
  private readonly api: Api;
  /** Inputs that were said and have not ended; inputs whose end was seen before the answer that names them. */
  private readonly open = new Set<string>();
  private readonly ended = new Set<string>();
  private failure: Error | undefined;
  private saying: Promise<void> = Promise.resolve();
  private said = 0;
  private isSilent = false;

  constructor(context: Context, id: string, verbose: boolean) {
    this.context = context;
    this.id = id;
    const { printer } = context;
    this.timeline = new Timeline({ paint: printer.paint, width: printer.width, verbose });
    const signal = AbortSignal.any([context.signal, this.detached.signal]);
    this.api = new Api(context.connection, signal);
  }

  detach(): void {
    this.detached.abort();
  }

  async run(): Promise<number> {
    const lines = createInterface({ input: process.stdin });
    lines.on('line', (line) => {
      this.saying = this.saying.then(() => this.say(line)).catch((error: unknown) => this.fail(error));
    });
    lines.once('close', () => {
      void this.saying.then(() => {
        this.isSilent = true;
        this.leaveWhenDone();
      });
    });
    try {
      return await this.show();
    } catch (error) {
      if (!this.detached.signal.aborted) throw error;
      if (this.failure !== undefined) throw this.failure;
      if (!this.isSilent) this.context.printer.note(`detached; ${visibleLine(this.id)} goes on`);
      return exit.ok;
    } finally {
      lines.close();
      process.stdin.destroy();
    }
  }

  private async show(): Promise<number> {
    const { printer } = this.context;
    const path = `/v1/runs/${encodeURIComponent(this.id)}/events`;
    for await (const message of follow(this.api, path, {}, undefined)) {
      if (message.event === 'end') {
        if (printer.format === 'table') for (const line of this.timeline.close()) printer.line(line);
        return finish(this.context, JSON.parse(message.data) as Run, { byResult: false, verbose: false });
      }
      if (printer.format === 'jsonl') printer.line(message.data);
      const event = eventOf(message);
      if (event === undefined) continue;
      if (printer.format === 'table') for (const line of this.timeline.push(event)) printer.line(line);
      this.hear(event);
    }
    return exit.unreachable;
  }

  private async say(line: string): Promise<void> {
    if (line.trim() === '') return;
    this.said += 1;
    const { id } = await say(this.api, this.id, sayingOf(line));
    if (!this.ended.has(id)) this.open.add(id);
  }

  /** At a terminal a refusal is a remark; a program that cannot say what it has to is told by the exit code. */
  private fail(error: unknown): void {
    if (this.detached.signal.aborted) return;
    if (this.context.mayAsk && error instanceof Failure) return this.context.printer.failure(error);
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.detach();
  }

  private hear({ type, data }: StreamEvent): void {
    if (type !== 'input.ended') return;
    const input = String(data['input']);
    if (!this.open.delete(input)) this.ended.add(input);
    this.leaveWhenDone();
  }

  private leaveWhenDone(): void {
    if (this.isSilent && this.said > 0 && this.open.size === 0) this.detach();
  }
}

/** A line says itself, beside two words of its own. */
function sayingOf(line: string): Saying {
  if (line.trim() === '/cancel') return { cancel: '' };
  return line.trim() === '/leave' ? { leave: true } : { text: line };
}
