/** A coding agent's conversation as files: taken out of one HOME, put into another. */

import type { SessionFile } from '../../sessions/session-file.ts';
import type { HomeFile, Kept, Turn } from './adapter.ts';
import { readHome } from './home.ts';

/** The files of the conversation below HOME, or undefined when the program wrote none. */
export async function conversationOf(
  about: Omit<SessionFile, 'files'>,
  kept: Kept,
  home: string,
): Promise<SessionFile | undefined> {
  await kept.gather?.(home);
  const files = await readHome(home, kept.folder, (path) => kept.keeps(path, about.native));
  return files.length === 0 ? undefined : { ...about, files };
}

/** The files of a conversation as this turn's program looks for them. A file that is no part of a conversation is left out. */
export const restored = ({ files, native }: SessionFile, { keeps, place }: Kept, turn: Turn): HomeFile[] =>
  files
    .filter(({ path }) => keeps(path, native))
    .map(({ path, data }) => ({ path: place?.(path, turn) ?? path, data }));
