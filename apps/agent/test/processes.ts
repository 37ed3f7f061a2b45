/** Processes that an agent started, as the kernel knows them. */

import { readFile } from 'node:fs/promises';

/** A zombie is dead; who reaps it is the machine's business. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) throw new Error(`${pid} is no process id`);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

/** Resolves once a process is dead. The signal that ends one is sent before the end of the work is told, and does its own by itself. */
export async function death(pid: number): Promise<void> {
  while (await isAlive(pid)) {}
}
