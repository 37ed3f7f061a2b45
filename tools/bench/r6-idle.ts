/** R6: proportional memory of the whole idle stack, and the time of a second start to ready. */

import { readdirSync, readFileSync } from 'node:fs';
import { StartedStack } from '../e2e/started-stack.ts';
import type { Bench } from './bench.ts';

const gib = 1024 ** 3;
const bar = 1.0;
const startBarMs = 10_000;

/** PSS of a process and everything below it, bytes. */
function pssOfTree(root: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const below = (pid: number): boolean => pid === root || (parents.has(pid) && pid > 1 && below(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(below).reduce((sum, pid) => sum + pssOf(pid), 0);
}

function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export const r6: Bench = {
  id: 'R6',
  async run() {
    // A stack of its own: what others have asked of one is not idle.
    const first = await StartedStack.start();
    const byName = Object.entries(await first.pids()).map(
      ([name, pid]) => [`${name} MiB`, pssOfTree(pid) / 1024 / 1024] as const,
    );
    const total = pssOfTree(first.launcherPid);
    await first.stop(false);
    const started = performance.now();
    const second = await StartedStack.start({ data: first.data });
    const startMs = performance.now() - started;
    await second.stop();
    const ratio = Math.max(total / gib / bar, startMs / startBarMs);
    return {
      id: 'R6',
      what: 'idle stack: PSS / 1 GiB and second start / 10 s, the larger',
      bar: { atMost: 1 },
      ratio,
      worst: ratio,
      rounds: [ratio],
      detail: { 'PSS MiB': total / 1024 / 1024, 'second start ms': startMs, ...Object.fromEntries(byName) },
    };
  },
};
