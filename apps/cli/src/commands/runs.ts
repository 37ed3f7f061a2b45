/** `run ls`, `run get`, `run cancel`, `ps`. */

import type { Run } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { countOf, type Flags, isSet, listOf, textOf } from '../flags.ts';
import { visible, visibleLine } from '../output/visible.ts';
import { noiseLine } from '../timeline/entries.ts';
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
  await printer.list(await api.all<Run>('/v1/runs', query, most), runView(Date.now()));
  return undefined;
}

export async function getRun(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const run = await api.get<Run>(`/v1/runs/${encodeURIComponent(id)}`);
  const noise = printer.isData ? 0 : await countNoise(api, run.id);
  await printer.one(run, runView(Date.now()), () => describe(run, noise));
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

/** How many connections of a run were denied as known update and telemetry calls. */
async function countNoise(api: Context['api'], id: string): Promise<number> {
  let count = 0;
  let after: string | null = '0';
  while (after !== null) {
    const query: Record<string, string> = { types: 'egress.decided', limit: '1000', after };
    const page: Decided = await api.get<Decided>(`/v1/runs/${encodeURIComponent(id)}/events`, query);
    count += page.items.filter(({ data }) => data.noise).length;
    after = page.next_cursor === after ? null : page.next_cursor;
  }
  return count;
}

interface Decided {
  readonly items: readonly { readonly data: { readonly noise?: string } }[];
  readonly next_cursor: string | null;
}

function describe(run: Run, noise: number): string[] {
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
    ['session', run.session ?? ''],
    ['since', run.since ?? ''],
    ['created', run.created_at ?? ''],
    ['ended', run.ended_at ?? ''],
    [
      'commits',
      run.commits
        .map(({ workspace, commit, files }) => `${workspace} ${commit.slice(0, 12)} (${files} files)`)
        .join(', '),
    ],
    ['egress', noise === 0 ? '' : noiseLine(noise)],
  ];
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(10)} ${visibleLine(value)}`);
  return run.reply === '' ? lines : [...lines, '', ...visible(run.reply).split('\n')];
}
