/** `run ls`, `run get`, `run cancel`, `ps`. */

import type { Run } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { countOf, type Flags, isSet, listOf, textOf } from '../flags.ts';
import { visible, visibleLine } from '../output/visible.ts';
import { runView } from './views.ts';

export async function listRuns({ api, printer }: Context, _: unknown, flags: Flags): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  const states = listOf(flags, 'state');
  const query = {
    limit: Math.min(200, most),
    role: textOf(flags, 'role'),
    ...(states.length === 0 ? {} : { state: states }),
    ...(isSet(flags, 'active') ? { active: '1' } : {}),
  };
  const runs = await api.all<Run>('/v1/runs', query, most);
  await printer.list(runs, runView(Date.now()));
  if (runs.length === 0 && printer.format === 'table' && printer.isTerminal)
    printer.note('no runs; ask for one with `sally run create ROLE --task TEXT`');
  return undefined;
}

export async function getRun(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const run = await api.get<Run>(`/v1/runs/${encodeURIComponent(id)}`);
  await printer.one(run, runView(Date.now()), () => describe(run));
  return undefined;
}

export async function cancelRun(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const run = await api.send<Run>('POST', `/v1/runs/${encodeURIComponent(id)}:cancel`, {
    why: textOf(flags, 'why') ?? '',
  });
  await printer.one(run, runView(Date.now()), () => [
    `${visibleLine(run.id)} is asked to end; it is ${visibleLine(run.state)}`,
  ]);
  return undefined;
}

function describe(run: Run): string[] {
  const rows: readonly (readonly [string, string])[] = [
    ['id', run.id],
    ['state', run.reason === run.state ? run.state : `${run.state} (${run.reason})`],
    ['message', run.message],
    ['verdict', run.verdict ?? ''],
    ['exit code', run.exit_code === undefined ? '' : String(run.exit_code)],
    ['role', run.role],
    ['runner', run.runner],
    ['mounts', run.mounts.map(({ workspace, mode }) => `${workspace}:${mode}`).join(' ')],
    ['dispatch', run.dispatch],
    ['created', run.created_at ?? ''],
    ['ended', run.ended_at ?? ''],
    [
      'commits',
      run.commits
        .map(({ workspace, commit, files }) => `${workspace} ${commit.slice(0, 12)} (${files} files)`)
        .join(', '),
    ],
  ];
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(10)} ${visibleLine(value)}`);
  return run.reply === '' ? lines : [...lines, '', ...visible(run.reply).split('\n')];
}
