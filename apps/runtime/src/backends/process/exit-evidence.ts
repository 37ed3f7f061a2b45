/** How a sandbox ended, from what was written down outside it while it did; the same answer from any process at any time. */

import { join } from 'node:path';
import type { Exit } from '../backend.ts';
import { oomKills } from './cgroups.ts';
import { readIfThere } from './proc.ts';

/** What bubblewrap wrote to its status descriptor: one JSON object a line. */
export interface BubblewrapStatus {
  readonly childPid?: number;
  readonly exitCode?: number;
}

export function parseStatus(text: string): BubblewrapStatus {
  const childPid = /"child-pid": (\d+)/.exec(text)?.[1];
  const exitCode = /"exit-code": (\d+)/.exec(text)?.[1];
  return {
    ...(childPid === undefined ? {} : { childPid: Number(childPid) }),
    ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
  };
}

/** `timeout` answers 124 when its deadline fired and the program obeyed, 137 when it had to be killed. */
const deadlineFired = '124';

/** Code of a program that SIGKILL ended. */
export const killedCode = 128 + 9;

/** What became of a sandbox whose processes are gone. */
export async function readExit(
  directory: string,
  cgroups: readonly string[],
): Promise<Exclude<Exit, { state: 'running' }>> {
  const [status = '', ended = ''] = await Promise.all([
    readIfThere(join(directory, 'status')),
    readIfThere(join(directory, 'ended')),
  ]);
  const { exitCode } = parseStatus(status);
  const kills = await oomKills(cgroups);
  if (exitCode !== undefined)
    return { state: 'exited', code: exitCode, oom: exitCode !== 0 && kills > 0, deadline: false };
  if (ended.trim() === deadlineFired) return { state: 'exited', code: killedCode, oom: false, deadline: true };
  if (kills > 0) return { state: 'exited', code: killedCode, oom: true, deadline: false };
  return { state: 'lost' };
}
