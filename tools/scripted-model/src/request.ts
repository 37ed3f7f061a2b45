/** A request as the script sees it, whatever dialect it came in. */

import type { Said } from './dialects/dialect.ts';
import { progressOf } from './history.ts';
import type { ModelRequest } from './script.ts';

/** Coding agents ask for a name of the conversation beside the conversation itself, without tools and with the task quoted. */
export const asksForTitle = ({ tools, system }: Said): boolean => tools.length === 0 && /\btitle\b/i.test(system);

export function requestOf(said: Said): ModelRequest {
  const { model, tools, stream } = said;
  return { model, tools, stream, ...progressOf(said.entries) };
}
