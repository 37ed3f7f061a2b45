/** `workspace create`, `ls`, `get`, `undo`. */

import type { Workspace } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { type Flags, listOf, readBytes, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { workspaceView } from './views.ts';

const at = (name: string): string => `/v1/workspaces/${encodeURIComponent(name)}`;

export async function createWorkspace(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const files = Object.fromEntries(listOf(flags, 'file').map(fileOf));
  const workspace = await api.send<Workspace>('POST', '/v1/workspaces', { name, files_base64: files });
  await printer.one(workspace, workspaceView(Date.now()), () => [
    `${visibleLine(workspace.name)} is made, head ${visibleLine(workspace.head.slice(0, 12))}`,
  ]);
  return undefined;
}

export async function listWorkspaces({ api, printer }: Context): Promise<undefined> {
  const workspaces = await api.all<Workspace>('/v1/workspaces', { limit: 200 });
  await printer.list(workspaces, workspaceView(Date.now()));
  return undefined;
}

export async function getWorkspace(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  await printer.one(await api.get<Workspace>(at(name)), workspaceView(Date.now()));
  return undefined;
}

export async function undoCommit(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const undone = await api.send<{ workspace: Workspace; commit: string }>('POST', `${at(name)}:undo`, {
    commit: textOf(flags, 'commit') ?? '',
  });
  const view = {
    name: () => undone.commit,
    columns: [
      { title: 'workspace', of: () => undone.workspace.name },
      { title: 'commit', of: () => undone.commit },
    ],
  };
  await printer.one(undone, view, () => [
    `${visibleLine(undone.workspace.name)} is as before, at ${visibleLine(undone.commit)}`,
  ]);
  return undefined;
}

function fileOf(text: string): readonly [string, string] {
  const split = text.indexOf('=');
  if (split < 1)
    throw usage(
      'the file is not usable',
      `${JSON.stringify(text)} is not PATH=LOCAL`,
      'write it as --file docs/a.md=./a.md',
    );
  return [text.slice(0, split), readBytes(text.slice(split + 1)).toString('base64')];
}
