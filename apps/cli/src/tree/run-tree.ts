/** `run`, `ps`, `logs`. */

import type { Command } from 'commander';
import { type Bind, group, lazy, repeat } from './bind.ts';

export function runCommands(program: Command, bind: Bind): void {
  const runs = group(program, 'run', 'ask for work and follow it');
  bind(
    runs
      .command('create [role]')
      .description('accept a task as a run; the id on standard output. A command for the exec runner goes behind --')
      .option('--runner <name>', 'a bare runner in place of a role, such as exec')
      .option('-t, --task <text>', 'the task; - reads standard input')
      .option('--task-file <path>', 'read the task from a file')
      .option('-m, --mount <ws:mode>', 'mount a workspace ro or rw; may be repeated', repeat)
      .option('--session <name>', 'conversation to begin or go on with; without a task it just goes on')
      .option('--stay', 'wait for more input when the task is done')
      .option('--profile <name>', 'runtime profile')
      .option('--idempotency-key <key>', 'the same key with the same content is the same run')
      .option('-w, --wait', 'follow the run and exit by its result')
      .option('-d, --detach', 'answer as soon as the run is accepted (this is what happens without --wait)'),
    lazy(async () => (await import('../commands/run-create.ts')).createRun),
  );
  const list = lazy(async () => (await import('../commands/runs.ts')).listRuns);
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
    lazy(async () => (await import('../commands/runs.ts')).getRun),
  );
  bind(
    runs
      .command('watch <run>')
      .description('follow a run as a timeline')
      .option('--exit-status', "exit by the run's result"),
    lazy(async () => (await import('../commands/watch.ts')).watchRun),
  );
  bind(
    runs
      .command('steer <run>')
      .description('say the next thing to a run that stays; the id of the input on standard output')
      .option('-t, --text <text>', 'what to do next; - reads standard input')
      .option('--text-file <path>', 'read it from a file')
      .option('--cancel [input]', 'end this input, or whichever is worked on')
      .option('--leave', 'let it end when everything said so far is done')
      .option('--idempotency-key <key>', 'the same key is the same input'),
    lazy(async () => (await import('../commands/run-steer.ts')).steerRun),
  );
  bind(
    runs
      .command('attach <run>')
      .description('follow a run and tell it what to do next, line by line; /cancel and /leave; Ctrl-C detaches'),
    lazy(async () => (await import('../commands/attach.ts')).attachRun),
  );
  bind(
    runs.command('cancel <run>').description('end a run').option('--why <text>', 'for the record'),
    lazy(async () => (await import('../commands/runs.ts')).cancelRun),
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
    lazy(async () => (await import('../commands/logs.ts')).logs),
  );
}
