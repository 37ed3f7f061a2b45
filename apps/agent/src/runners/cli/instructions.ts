/** Standing instructions of a coding agent: the role's persona and what is true of its sandbox. */

import type { Mount } from '../../work.ts';

const workspaces = '/workspace';

/** Markdown for the file that a program reads its instructions from; it lies in HOME, where no workspace is touched by it. */
export function instructionsOf(persona: string, mounts: readonly Mount[], directory: string): string {
  const places = mounts.map(({ workspace, writable }) => {
    return `- \`${workspaces}/${workspace}\`: ${writable ? 'yours to change' : 'to read; writing is refused'}`;
  });
  return [
    ...(persona === '' ? [] : [persona, '']),
    '# Where you are',
    '',
    'You work in a sandbox without a network of its own; what may be reached from it is decided outside, and a refusal tells its reason.',
    `Your working directory is \`${directory}\`.`,
    ...(places.length === 0 ? [] : ['These workspaces are mounted:', '', ...places]),
    '',
    'The platform commits what you change when you are done. Do not make commits yourself; say at the end what you did.',
    '',
  ].join('\n');
}
