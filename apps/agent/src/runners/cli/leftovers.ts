/** Processes that a program left behind in groups of their own, found by a word in their environment. */

import { readdir, readFile } from 'node:fs/promises';

/** Variable that every process of a turn inherits. */
export const turnVariable = 'SALLY_TURN';

const rounds = 20;

async function marked(turn: string): Promise<number[]> {
  const wanted = `${turnVariable}=${turn}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return environment.split('\0').includes(wanted) ? [Number(pid)] : [];
    }),
  );
  return found.flat().filter((pid) => pid !== process.pid);
}

/** Kills every process of a turn, also what those start meanwhile; answers how many it saw. */
export async function killLeftovers(turn: string): Promise<number> {
  const seen = new Set<number>();
  for (let round = 0; round < rounds; round += 1) {
    const pids = await marked(turn);
    if (pids.length === 0) break;
    for (const pid of pids) {
      seen.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It went by itself.
      }
    }
  }
  return seen.size;
}
