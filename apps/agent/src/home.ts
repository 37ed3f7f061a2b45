/** HOME of a dispatch: its own, empty at the start and gone at the end. */

import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assignment } from './work.ts';

/** Below a writable workspace, where there is room; the platform never commits it. */
export const homeInWorkspace = '.sally/home';

/** Where the platform mounts workspaces. */
export const workspaces = '/workspace';

/** The mount whose `.sally` holds the conversations and HOME. */
export function firstWritable({ mounts }: Pick<Assignment, 'mounts'>, root = workspaces): string | undefined {
  const mount = mounts.find(({ writable }) => writable);
  return mount === undefined ? undefined : join(root, mount.workspace);
}

/** Makes an empty HOME in the workspace, or at the other place where the workspace has something else under its name. */
export async function freshHome(workspace: string | undefined, otherwise: string): Promise<string> {
  if (workspace !== undefined && (await isOurs(join(workspace, '.sally')))) {
    const home = join(workspace, homeInWorkspace);
    await empty(home);
    return home;
  }
  await empty(otherwise);
  return otherwise;
}

export const removeHome = (home: string): Promise<void> => rm(home, { recursive: true, force: true });

async function empty(home: string): Promise<void> {
  await removeHome(home);
  await mkdir(home, { recursive: true, mode: 0o700 });
}

/** A link would let the contents of a workspace choose what is emptied. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found === undefined || found.isDirectory();
}
