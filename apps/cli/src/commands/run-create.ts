/** `run create`: accept a task, and follow it when asked to. */

import { randomUUID } from 'node:crypto';
import type { Run } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { type Flags, isSet, listOf, readText, textOf } from '../flags.ts';
import { runView } from './views.ts';
import { followRun } from './watch.ts';

export async function createRun(
  context: Context,
  [role]: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  const body = bodyOf(context, role, flags);
  if (isSet(flags, 'wait') && isSet(flags, 'detach'))
    throw usage('the run cannot be created', '--wait and --detach exclude each other', 'keep one of them');
  // One key per command line, so that a retry of the request within it is never a second run.
  const key = textOf(flags, 'idempotencyKey') ?? randomUUID();
  const run = await context.api.send<Run>('POST', '/v1/runs', body, { 'idempotency-key': key });
  if (isSet(flags, 'wait')) return followRun(context, run.id, { byResult: true, verbose: isSet(flags, 'verbose') });
  const { printer } = context;
  if (printer.isData) await printer.one(run, runView(Date.now()));
  else {
    printer.line(run.id);
    if (printer.isTerminal) printer.note(`follow it with: sally run watch ${run.id}`);
  }
  return exit.ok;
}

function bodyOf(context: Context, role: string | undefined, flags: Flags): Record<string, unknown> {
  const runner = textOf(flags, 'runner');
  if ((role === undefined) === (runner === undefined)) {
    throw usage(
      'the run cannot be created',
      role === undefined ? 'neither a role nor --runner was given' : 'a role and --runner exclude each other',
      'use `sally run create ROLE` or `sally run create --runner exec -- COMMAND`',
    );
  }
  const task = taskOf(context, flags);
  const session = textOf(flags, 'session');
  if (task === undefined && context.passed.length === 0 && session === undefined) {
    throw usage(
      'the run cannot be created',
      'nothing is asked of the agent',
      'add --task TEXT, --task-file PATH, a --session to go on with, or a command behind --',
    );
  }
  const profile = textOf(flags, 'profile');
  return {
    ...(role === undefined ? { runner } : { role }),
    ...(task === undefined ? {} : { task }),
    ...(context.passed.length === 0 ? {} : { argv: context.passed }),
    mounts: listOf(flags, 'mount').map(mountOf),
    ...(session === undefined ? {} : { session }),
    ...(session === undefined || task !== undefined ? {} : { start: { session: `.sally/sessions/${session}.json` } }),
    ...(isSet(flags, 'stay') ? { stay: true } : {}),
    ...(profile === undefined ? {} : { profile }),
  };
}

/** The task of --task or --task-file; undefined when neither is given. */
export function taskOf(context: Context, flags: Flags): string | undefined {
  const file = textOf(flags, 'taskFile');
  const task = textOf(flags, 'task');
  if (file !== undefined && task !== undefined)
    throw usage('the task is not clear', '--task and --task-file exclude each other', 'keep one of them');
  if (file !== undefined) return readText(file);
  if (task !== '-') return task;
  if (context.mayAsk) context.printer.note('reading the task from standard input; end it with Ctrl-D');
  return readText('-');
}

/** `name:ro` or `name:rw`; a bare name is mounted read-only. */
export function mountOf(text: string): { readonly workspace: string; readonly mode: string } {
  const [workspace = '', mode = 'ro', ...rest] = text.split(':');
  if (workspace !== '' && rest.length === 0 && (mode === 'ro' || mode === 'rw')) return { workspace, mode };
  throw usage(
    'the mount is not usable',
    `${JSON.stringify(text)} is not WORKSPACE:ro or WORKSPACE:rw`,
    'write it as --mount demo:rw',
  );
}
