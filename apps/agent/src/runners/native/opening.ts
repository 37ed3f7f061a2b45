/** What the model is told before it says anything: the standing words, and the task. */

import { readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { Work } from '../../work.ts';

const workspaces = '/workspace';

/** A task in a file may be as long as one that is sent: 256 KiB. */
const maxTask = 256 * 1024;

/** A start that cannot be made sense of. */
export class StartUnusable extends Error {
  override readonly name = 'StartUnusable';
}

export function systemText({ persona, mounts, directory }: Work): string {
  const places = mounts.map(({ workspace, writable }) => {
    return `- ${workspaces}/${workspace}: ${writable ? 'yours to change' : 'to read; writing is refused'}`;
  });
  return [
    ...(persona === '' ? [] : [persona, '']),
    'You work in a sandbox without a network of its own; what may be reached from it is decided outside, and a refusal tells its reason.',
    `Your working directory is ${directory}.`,
    ...(places.length === 0 ? [] : ['These workspaces are mounted:', ...places]),
    'The platform commits what you change when you are done; say then what you did.',
  ].join('\n');
}

/** The task: given, or in a file below the first mount. Throws StartUnusable. */
export async function taskText({ start, mounts }: Work, root = workspaces): Promise<string> {
  if (start.inline !== undefined) return start.inline;
  if (start.session !== undefined)
    throw new StartUnusable('the native runner starts a conversation; it cannot go on with one');
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
