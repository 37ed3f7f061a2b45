/** The command tree. Each command's code is loaded when it is the one that runs. */

import { Command, CommanderError, Option } from 'commander';
import { environment } from './config.ts';
import { type CommonFlags, contextOf } from './context.ts';
import { exit } from './exit.ts';
import { Failure, usage } from './failure.ts';
import { type Format, formats, Printer, type Terminal } from './output/printer.ts';
import { auditCommands } from './tree/audit-tree.ts';
import type { Bind } from './tree/bind.ts';
import { eventCommands } from './tree/event-tree.ts';
import { exampleText } from './tree/examples.ts';
import { grantCommands } from './tree/grant-tree.ts';
import { roleCommands } from './tree/role-tree.ts';
import { runCommands } from './tree/run-tree.ts';
import { runnerCommands } from './tree/runner-tree.ts';
import { scheduleCommands } from './tree/schedule-tree.ts';
import { stackCommands } from './tree/stack-tree.ts';
import { subscriptionCommands } from './tree/subscription-tree.ts';
import { workspaceCommands } from './tree/workspace-tree.ts';
import { version } from './version.ts';

/** Runs a command line and answers its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const terminal: Terminal = { stdout: process.stdout, stderr: process.stderr, env: environment };
  const split = args.indexOf('--');
  const passed = split < 0 ? [] : args.slice(split + 1);
  const own = split < 0 ? args : args.slice(0, split);
  let code: number | undefined;
  const said: string[] = [];
  const program = commands(said, (command, action) => {
    common(command);
    command.action(async (...given: unknown[]) => {
      const flags = command.optsWithGlobals() as CommonFlags & Record<string, unknown>;
      const names = given.slice(0, -2).flat() as (string | undefined)[];
      code = await action(contextOf(flags, terminal, passed), names, flags);
    });
  });
  // A reader that has seen enough, such as head, ends the command without a word.
  process.stdout.on('error', () => process.exit(exit.ok));
  process.once('SIGINT', () => process.exit(exit.interrupted));
  try {
    await program.parseAsync([...own], { from: 'user' });
    return code ?? exit.ok;
  } catch (error) {
    return report(error, said.join(''), new Printer(formatOf(own), terminal));
  }
}

function report(error: unknown, said: string, printer: Printer): number {
  if (error instanceof CommanderError && error.exitCode === 0) return exit.ok;
  if (error instanceof CommanderError && error.code === 'commander.help') {
    printer.note(said.trimEnd());
    return exit.usage;
  }
  const failure =
    error instanceof Failure
      ? error
      : error instanceof CommanderError
        ? misused(said)
        : Failure.of(
            exit.runFailed,
            'cli.internal',
            'sally failed in a way it did not expect',
            error instanceof Error ? (error.stack ?? error.message) : String(error),
            'report it with the command line',
          );
  printer.failure(failure);
  return failure.exitCode;
}

/** What commander says about a command line, in the form of every other error. */
function misused(said: string): Failure {
  const [what = '', ...rest] = said.trim().split('\n');
  const guess = /\(Did you mean (.+?)\?\)/.exec(rest.join(' '))?.[1];
  return usage(
    'the command line is not understood',
    what.replace(/^error: /, ''),
    guess === undefined ? 'add --help for what it takes' : `did you mean ${guess}?`,
  );
}

/** The form errors take, found before the options are parsed. */
function formatOf(args: readonly string[]): Format {
  const at = args.findIndex(
    (arg) => arg === '-o' || arg === '--output' || arg.startsWith('--output=') || /^-o./.test(arg),
  );
  const word =
    at < 0
      ? ''
      : /^(?:-o|--output)$/.test(args[at] ?? '')
        ? (args[at + 1] ?? '')
        : (args[at] ?? '').replace(/^(?:-o=?|--output=)/, '');
  return formats.find((format) => format === word) ?? 'table';
}

function common(command: Command): void {
  command
    .addHelpText('after', () => exampleText(pathOf(command)))
    .addOption(new Option('-o, --output <form>', 'form of the result').choices(formats).default('table'))
    .addOption(new Option('--url <url>', 'address of the API (env SALLY_URL, .sally/cli.json url)'))
    .addOption(
      new Option(
        '--token <key>',
        'API key (env SALLY_TOKEN, .sally/token); a flag can be seen by others on this machine',
      ),
    )
    .addOption(new Option('--timeout <duration>', 'give up after this long, such as 30s or 5m (exit code 124)'))
    .addOption(new Option('--no-input', 'never ask; refuse with exit code 2 instead'))
    .addOption(new Option('-v, --verbose', 'show each request on standard error'));
}

/** The words of a command behind `sally`. */
export const pathOf = (command: Command): string =>
  command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim();

/** The whole tree; `bind` gives each leaf its options and its action. */
export function commands(said: string[], bind: Bind): Command {
  const program = new Command('sally')
    .description('Run untrusted AI agents in sandboxes, and see everything they did.')
    .version(version, '-V, --version')
    .showSuggestionAfterError(true)
    .configureOutput({ writeErr: (text) => void said.push(text) })
    .addHelpText('after', exampleText(''))
    .exitOverride();
  runCommands(program, bind);
  workspaceCommands(program, bind);
  roleCommands(program, bind);
  scheduleCommands(program, bind);
  subscriptionCommands(program, bind);
  eventCommands(program, bind);
  grantCommands(program, bind);
  runnerCommands(program, bind);
  auditCommands(program, bind);
  stackCommands(program, bind);
  return program;
}
