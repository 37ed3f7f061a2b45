/** The command tree. Each command's code is loaded when it is the one that runs. */

import { Command, CommanderError, Option } from 'commander';
import { environment } from './config.ts';
import { type CommonFlags, type Context, contextOf } from './context.ts';
import { exit } from './exit.ts';
import { Failure, usage } from './failure.ts';
import { type Format, formats, Printer, type Terminal } from './output/printer.ts';
import { version } from './version.ts';

type Action = (
  context: Context,
  args: readonly (string | undefined)[],
  flags: Record<string, unknown>,
) => Promise<number | undefined>;

/** A command whose code is loaded when it runs. */
const lazy =
  (load: () => Promise<Action>): Action =>
  async (...given) =>
    (await load())(...given);

const repeat = (value: string, before: string[] = []): string[] => [...before, value];

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

/** The whole tree; `bind` gives each leaf its options and its action. */
export function commands(said: string[], bind: (command: Command, action: Action) => void): Command {
  const program = new Command('sally')
    .description('Run untrusted AI agents in sandboxes, and see everything they did.')
    .version(version, '-V, --version')
    .showSuggestionAfterError(true)
    .configureOutput({ writeErr: (text) => void said.push(text) })
    .exitOverride();
  runCommands(program, bind);
  workspaceCommands(program, bind);
  roleCommands(program, bind);
  auditCommands(program, bind);
  stackCommands(program, bind);
  return program;
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).exitOverride();
}

function runCommands(program: Command, bind: (command: Command, action: Action) => void): void {
  const runs = group(program, 'run', 'ask for work and follow it');
  bind(
    runs
      .command('create [role]')
      .description('accept a task as a run; the id on standard output. A command for the exec runner goes behind --')
      .option('--runner <name>', 'a bare runner in place of a role, such as exec')
      .option('-t, --task <text>', 'the task; - reads standard input')
      .option('--task-file <path>', 'read the task from a file')
      .option('-m, --mount <ws:mode>', 'mount a workspace ro or rw; may be repeated', repeat)
      .option('--session <id>', 'conversation to go on with')
      .option('--profile <name>', 'runtime profile')
      .option('--idempotency-key <key>', 'the same key with the same content is the same run')
      .option('-w, --wait', 'follow the run and exit by its result')
      .option('-d, --detach', 'answer as soon as the run is accepted (this is what happens without --wait)'),
    lazy(async () => (await import('./commands/run-create.ts')).createRun),
  );
  const list = lazy(async () => (await import('./commands/runs.ts')).listRuns);
  bind(
    runs
      .command('ls')
      .description('list runs, newest first')
      .option('-a, --active', 'only runs that are not over')
      .option('--state <state>', 'only this state; may be repeated', repeat)
      .option('--role <name>', 'only this role')
      .option('-n, --limit <count>', 'at most so many', '50'),
    list,
  );
  bind(
    runs.command('get <run>').description('show a run'),
    lazy(async () => (await import('./commands/runs.ts')).getRun),
  );
  bind(
    runs
      .command('watch <run>')
      .description('follow a run as a timeline')
      .option('--exit-status', "exit by the run's result"),
    lazy(async () => (await import('./commands/watch.ts')).watchRun),
  );
  bind(
    runs.command('cancel <run>').description('end a run').option('--why <text>', 'for the record'),
    lazy(async () => (await import('./commands/runs.ts')).cancelRun),
  );
  bind(
    program
      .command('ps')
      .description('runs that are not over (run ls --active)')
      .option('-n, --limit <count>', 'at most so many', '50'),
    (context, args, flags) => list(context, args, { ...flags, active: true }),
  );
  bind(
    program
      .command('logs <run>')
      .description('what a run has said, from its first event')
      .option('-f, --follow', 'go on until it ends')
      .option('--from-seq <number>', 'first sequence wanted')
      .option('--type <type>', 'only this type of event; may be repeated', repeat)
      .option('--stream <name>', 'only stdout or stderr')
      .option('--raw', 'bytes as they are, control characters included'),
    lazy(async () => (await import('./commands/logs.ts')).logs),
  );
}

function workspaceCommands(program: Command, bind: (command: Command, action: Action) => void): void {
  const workspaces = group(program, 'workspace', 'git folders that agents work on');
  const load = () => import('./commands/workspaces.ts');
  bind(
    workspaces
      .command('create <name>')
      .description('make a workspace with a first commit')
      .option('--file <path=local>', 'a file of the first commit; may be repeated', repeat),
    lazy(async () => (await load()).createWorkspace),
  );
  bind(
    workspaces
      .command('import <name> <source>')
      .description('make a workspace of any git repository, by path or URL')
      .option('--ref <ref>', 'branch to take; HEAD when absent'),
    lazy(async () => (await import('./commands/workspace-import.ts')).importWorkspace),
  );
  bind(
    workspaces.command('ls').description('list workspaces'),
    lazy(async () => (await load()).listWorkspaces),
  );
  bind(
    workspaces.command('get <name>').description('show a workspace'),
    lazy(async () => (await load()).getWorkspace),
  );
  const content = () => import('./commands/workspace-content.ts');
  bind(
    workspaces
      .command('files <name> [path]')
      .description('list a tree, or print a file')
      .option('--commit <id>', 'at this commit')
      .option('-r, --recursive', 'the whole tree')
      .option('--raw', 'bytes as they are, control characters included'),
    lazy(async () => (await content()).listFiles),
  );
  bind(
    workspaces
      .command('log <name>')
      .description('the commits, newest first')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await content()).showLog),
  );
  bind(
    workspaces
      .command('diff <name>')
      .description('a unified diff')
      .option('--from <commit>', 'the first parent of --to when absent')
      .option('--to <commit>', 'the head when absent')
      .option('--raw', 'bytes as they are, control characters included'),
    lazy(async () => (await content()).showDiff),
  );
  bind(
    workspaces
      .command('undo <name>')
      .description('restore the tree before a commit, as a new commit')
      .option('--commit <id>', 'the head when absent'),
    lazy(async () => (await load()).undoCommit),
  );
  bind(
    workspaces.command('export <name> [file]').description('the whole history as a git bundle; - is standard output'),
    lazy(async () => (await content()).exportBundle),
  );
}

function roleCommands(program: Command, bind: (command: Command, action: Action) => void): void {
  const roles = group(program, 'role', 'what agents are');
  const load = () => import('./commands/roles.ts');
  bind(
    roles
      .command('apply [file]')
      .description('create or replace roles from YAML or JSON; - is standard input')
      .option('-f, --file <path>', 'the same as the argument')
      .option('--if-version <number>', 'only when this is the current version'),
    lazy(async () => (await load()).applyRoles),
  );
  bind(
    roles.command('ls').description('list roles'),
    lazy(async () => (await load()).listRoles),
  );
  bind(
    roles.command('get <name>').description('show a role; -o yaml goes back through apply'),
    lazy(async () => (await load()).getRole),
  );
}

function auditCommands(program: Command, bind: (command: Command, action: Action) => void): void {
  const audit = group(program, 'audit', 'the tamper-evident log');
  const load = () => import('./commands/audit.ts');
  const filtered = (command: Command): Command =>
    command.option('--run <id>', 'only this run').option('--kind <kind>', 'only this kind; may be repeated', repeat);
  bind(
    filtered(audit.command('tail').description('follow the log')).option(
      '--from <seq>',
      'first sequence wanted; now when absent',
    ),
    lazy(async () => (await load()).tailAudit),
  );
  bind(
    filtered(audit.command('query').description('read the log in order'))
      .option('--from <seq>', 'first sequence wanted', '0')
      .option('-n, --limit <count>', 'at most so many', '200'),
    lazy(async () => (await load()).queryAudit),
  );
  bind(
    audit.command('export [file]').description('the log as a bundle that verifies offline; - is standard output'),
    lazy(async () => (await load()).exportAudit),
  );
  bind(
    audit
      .command('verify [file]')
      .description('verify a bundle offline; without a file, one is exported first')
      .option('--log-key <key>', "the log's verifier key, known from elsewhere")
      .option('--since <file>', 'an earlier checkpoint that must be contained'),
    lazy(async () => (await import('./commands/audit-verify.ts')).verifyAudit),
  );
}

function stackCommands(program: Command, bind: (command: Command, action: Action) => void): void {
  bind(
    program.command('status').description('whether each service answers'),
    lazy(async () => (await import('./commands/status.ts')).showStatus),
  );
  bind(
    program.command('doctor').description('check this machine and the running stack'),
    lazy(async () => (await import('./commands/doctor.ts')).doctor),
  );
  bind(
    program.command('version').description('versions of client and server'),
    lazy(async () => (await import('./commands/status.ts')).showVersion),
  );
  bind(
    program
      .command('api <method> <path>')
      .description('call any route, such as: api GET /v1/runs')
      .option('-d, --data <json>', 'body; @file reads a file, - standard input')
      .option('-H, --header <name:value>', 'further header; may be repeated', repeat)
      .option('--paginate', 'all pages of a list'),
    lazy(async () => (await import('./commands/api.ts')).callApi),
  );
}
