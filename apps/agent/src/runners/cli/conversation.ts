/** A coding agent's conversation as files: taken out of one HOME, put into another. */

import type { HomeFile, Kept, Turn } from './adapter.ts';
import { type KeptFile, readHome } from './home.ts';

/** What a conversation goes on from. */
export interface Conversation {
  readonly runner: string;
  /** Version of the program that wrote it. */
  readonly version: string;
  /** Our name of the conversation. */
  readonly session: string;
  /** The program's own id of it. */
  readonly native: string;
  readonly files: readonly KeptFile[];
}

/** Why a conversation of another runner cannot be gone on with: a reason and a message. */
export const foreign = ({ runner, session }: Conversation, name: string): [string, string] => [
  'runner.session_foreign',
  `session ${session} was begun with ${runner}, and ${name} cannot go on with it; start it with ${runner} or under another name`,
];

/** The files of the conversation below HOME, or undefined when the program wrote none. */
export async function conversationOf(
  about: Omit<Conversation, 'files'>,
  kept: Kept,
  home: string,
): Promise<Conversation | undefined> {
  const files = await readHome(home, kept.folder, (path) => kept.keeps(path, about.native));
  return files.length === 0 ? undefined : { ...about, files };
}

/** The files of a conversation as this turn's program looks for them. A file that is no part of a conversation is left out. */
export const restored = ({ files, native }: Conversation, { keeps, place }: Kept, turn: Turn): HomeFile[] =>
  files
    .filter(({ path }) => keeps(path, native))
    .map(({ path, data }) => ({ path: place?.(path, turn) ?? path, data }));
