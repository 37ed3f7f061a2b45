/** `workspace files`, `log`, `diff`, `export`. */

import type { Commit, FileEntry } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { countOf, type Flags, isSet, textOf } from '../flags.ts';
import { visible } from '../output/visible.ts';
import { saveTo } from './download.ts';
import { commitView, fileView } from './views.ts';

const at = (name: string): string => `/v1/workspaces/${encodeURIComponent(name)}`;

/** Lists a directory; a path that is a file is printed. */
export async function listFiles(
  context: Context,
  [name = '', path]: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const { api, printer } = context;
  const query = { commit: textOf(flags, 'commit') };
  if (path !== undefined && !path.endsWith('/')) {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const response = await api.raw(`${at(name)}/files/${encoded}`, { query });
    if (response.ok) return printFile(context, Buffer.from(await response.arrayBuffer()), isSet(flags, 'raw'));
    await response.body?.cancel();
  }
  const answer = await api.get<{ items: FileEntry[]; truncated: boolean }>(`${at(name)}/files`, {
    ...query,
    path: path?.replace(/\/$/, ''),
    ...(isSet(flags, 'recursive') ? { recursive: '1' } : {}),
  });
  await printer.list(answer.items, fileView, answer);
  if (answer.truncated) printer.note('the tree has more entries than are shown');
  return undefined;
}

function printFile({ printer }: Context, data: Buffer, raw: boolean): undefined {
  if (raw || !printer.isTerminal) printer.bytes(data);
  else printer.line(visible(data.toString('utf8')).replace(/\n$/, ''));
  return undefined;
}

export async function showLog(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  const commits = await api.all<Commit>(`${at(name)}/log`, { limit: Math.min(200, most) }, most);
  await printer.list(commits, commitView(Date.now()));
  return undefined;
}

export async function showDiff(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const response = await api.ask(`${at(name)}/diff`, {
    query: { from: textOf(flags, 'from'), to: textOf(flags, 'to') },
  });
  const diff = await response.text();
  const truncated = response.headers.get('sally-truncated') === 'true';
  if (printer.isData) printer.line(JSON.stringify({ diff, truncated }));
  else if (isSet(flags, 'raw')) printer.bytes(Buffer.from(diff));
  else
    for (const line of visible(diff).replace(/\n$/, '').split('\n'))
      printer.line(printer.paint(line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : 'dim', line));
  if (truncated) printer.note('the diff is longer than is shown');
  return undefined;
}

export async function exportBundle(
  context: Context,
  [name = '', file]: readonly (string | undefined)[],
): Promise<undefined> {
  await saveTo(context, `${at(name)}/bundle`, file ?? `${name}.bundle`);
  return undefined;
}
