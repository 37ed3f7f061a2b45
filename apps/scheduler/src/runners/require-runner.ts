/** Whether somebody could run it at all. Pure. */

import { codingAgentOf, packageOf } from '@sallyport/core/coding-agents';
import type { Edge } from '../edges/edge.ts';
import { runnerMissing } from '../faults.ts';

/**
 * Refuses a runner that every edge says it lacks: it would wait for as long as nobody installs it. While no edge is heard it is not
 * known, and the run waits as any other does.
 */
export function requireRunner(runner: string, heard: readonly Edge[]): void {
  if (heard.length === 0 || heard.some(({ runners }) => runners.includes(runner))) return;
  const said = heard
    .flatMap(({ descriptions }) => descriptions)
    .find((description) => description.runner === runner && description.remedy !== '');
  const agent = codingAgentOf(runner);
  // An edge that describes nothing still needs the package.
  const usual = agent === undefined ? 'update the edge' : `npm install ${packageOf(agent)}`;
  throw runnerMissing(runner, said?.remedy ?? usual);
}
