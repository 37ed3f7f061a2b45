/**
 * R7: memory of an agent that waits for more input, against the bare process tree of the same argv that waits for its work.
 * R8: how much slower active dispatches become when two hundred others are parked.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { StartedStack } from '../e2e/started-stack.ts';
import { parkedAgent } from './bare-sandbox.ts';
import { type Bench, figure, interleave, percentile } from './bench.ts';
import { pssOfTree } from './pss.ts';

const weighed = 20;
const parked = 200;
const active = 20;
const room = { SALLY_RUNTIME_CAPACITY: '512', SALLY_RUNTIME_OWNER_QUOTA: '512' };

/** Starts agents that answer once and then wait; resolves when all of them do. */
async function park(stack: StartedStack, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const task = '<script>[{"text":"here"}]</script>';
    const run = await stack.create({ role: 'editor', task, stay: true, limits: { idle_seconds: 3_000 } });
    ids.push(run.id);
    await waiting(stack, run.id);
  }
  return ids;
}

async function waiting(stack: StartedStack, id: string): Promise<void> {
  for (;;) {
    const events = await stack.events(id);
    if (events.some((event) => event.type === 'input.ended')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function leave(stack: StartedStack, ids: readonly string[]): Promise<void> {
  for (const id of ids) await stack.rest.post(`/v1/runs/${id}:cancel`, {});
  for (const id of ids) await stack.ended(id, 120_000);
}

export const r7: Bench = {
  id: 'R7',
  async run({ rounds }) {
    const stack = await StartedStack.start({ env: room });
    const measured = await interleave(
      {
        ours: async () => {
          const before = pssOfTree(stack.launcherPid);
          const ids = await park(stack, weighed);
          const after = pssOfTree(stack.launcherPid);
          await leave(stack, ids);
          return (after - before) / weighed / 1024 / 1024;
        },
        floor: async () => {
          const agents: ChildProcess[] = [];
          for (let index = 0; index < weighed; index += 1) agents.push(await parkedAgent());
          const held = agents.reduce((sum, agent) => sum + pssOfTree(agent.pid ?? 0), 0);
          for (const agent of agents) {
            agent.kill('SIGKILL');
            await once(agent, 'exit');
          }
          return held / weighed / 1024 / 1024;
        },
      },
      rounds,
    );
    await stack.stop();
    return figure(
      { id: 'R7', what: 'memory of an agent that waits / the bare process tree', bar: { atMost: 1.15 } },
      measured,
      { unit: 'MiB', agents: weighed },
    );
  },
};

/** Milliseconds from asking to the end of each of some dispatches, four at a time. */
async function work(stack: StartedStack): Promise<number[]> {
  const times: number[] = [];
  let left = active;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (left > 0) {
        left -= 1;
        const begun = performance.now();
        await stack.ended((await stack.exec(['true'])).id);
        times.push(performance.now() - begun);
      }
    }),
  );
  return times;
}

export const r8: Bench = {
  id: 'R8',
  async run({ rounds }) {
    const alone = await StartedStack.start({ env: room });
    const crowded = await StartedStack.start({ env: room });
    await park(crowded, parked);
    const measured = await interleave(
      {
        ours: async () => percentile(await work(crowded), 0.95),
        floor: async () => percentile(await work(alone), 0.95),
      },
      rounds,
    );
    await Promise.all([alone.stop(), crowded.stop()]);
    return figure(
      { id: 'R8', what: `p95 of ${active} dispatches beside ${parked} parked / alone`, bar: { atMost: 1.3 } },
      measured,
      { unit: 'ms' },
    );
  },
};
