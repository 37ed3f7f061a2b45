/** The profile of a run that names none. */

import { codingAgentOf } from '@sallyport/core/coding-agents';

/** Coding agents get the sizes that their programs need; everything else the default. */
export const usualProfile = (runner: string): string =>
  codingAgentOf(runner) !== undefined || runner === 'acp' ? 'coding' : 'default';
