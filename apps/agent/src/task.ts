/** The first thing asked of a dispatch, from wherever it is written. */

import { readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { workspaces } from './home.ts';
import type { Assignment } from './work.ts';

/** A task in a file may be as long as one that is sent: 256 KiB. */
const maxTask = 256 * 1024;

/** What is asked when a conversation only goes on. */
const goOn = 'Continue.';

/** A start that cannot be made sense of. */
export class StartUnusable extends Error {
  override readonly name = 'StartUnusable';
}

/** The task: given, in a file below the first mount, or to go on. Throws StartUnusable. */
export async function taskText(
  { start, mounts }: Pick<Assignment, 'start' | 'mounts'>,
  root = workspaces,
): Promise<string> {
  if (start.inline !== undefined) return start.inline;
  if (start.session !== undefined) return goOn;
  if (start.path === undefined) throw new StartUnusable('nothing was asked');
  const [first] = mounts;
  if (first === undefined) throw new StartUnusable('a task in a file needs a mount to read it from');
  const base = join(root, first.workspace);
  const path = resolve(base, start.path);
  if (!path.startsWith(base + sep)) throw new StartUnusable(`${start.path} is not below the first mount`);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new StartUnusable(`${start.path} cannot be read`, { cause: error });
  });
  if (text.length > maxTask) throw new StartUnusable(`${start.path} is larger than 256 KiB`);
  return text;
}
