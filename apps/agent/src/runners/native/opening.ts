/** The standing words a model is told before it says anything. */

import { workspaces } from '../../home.ts';
import type { Work } from '../../work.ts';

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
