/** R6: proportional memory of the whole idle stack, and the times of its end by Ctrl-C and of a second start to ready. */

import { StartedStack } from '../e2e/started-stack.ts';
import type { Bench } from './bench.ts';
import { pssOfTree } from './pss.ts';

const gib = 1024 ** 3;
const bar = 1.0;
const startBarMs = 10_000;
const stopBarMs = 5_000;

export const r6: Bench = {
  id: 'R6',
  async run() {
    // A stack of its own: what others have asked of one is not idle.
    const first = await StartedStack.start();
    const byName = Object.entries(await first.pids()).map(
      ([name, pid]) => [`${name} MiB`, pssOfTree(pid) / 1024 / 1024] as const,
    );
    const total = pssOfTree(first.launcherPid);
    const asked = performance.now();
    await first.stop(false);
    const stopMs = performance.now() - asked;
    const started = performance.now();
    const second = await StartedStack.start({ data: first.data });
    const startMs = performance.now() - started;
    await second.stop();
    const ratio = Math.max(total / gib / bar, startMs / startBarMs, stopMs / stopBarMs);
    return {
      id: 'R6',
      what: 'idle stack: PSS / 1 GiB, second start / 10 s and end / 5 s, the largest',
      bar: { atMost: 1 },
      ratio,
      worst: ratio,
      rounds: [ratio],
      detail: {
        'PSS MiB': total / 1024 / 1024,
        'second start ms': startMs,
        'end ms': stopMs,
        ...Object.fromEntries(byName),
      },
    };
  },
};
