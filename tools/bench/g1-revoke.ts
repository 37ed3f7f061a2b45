/** G1: from asking that a grant be revoked until its live run has ended, the sandbox gone with it; the floor is the second that is promised. */

import type { StartedStack } from '../e2e/started-stack.ts';
import { median, percentile, type StackBench } from './bench.ts';

const perRound = 5;
const promisedMs = 1_000;

/** Starts a run on a grant and waits until its agent works; answers run and grant. */
async function working(stack: StartedStack, name: string): Promise<{ run: string; grant: string }> {
  const argv = ['sh', '-c', 'echo begun; sleep 3000'];
  const { grant } = await stack.rest.put<{ grant: string }>(`/v1/schedules/${name}`, {
    cron: '0 3 1 1 *',
    run: { runner: 'exec', argv, start: { inline: 'bench' }, profile: stack.profile },
    overlap: 'allow',
    consent: true,
  });
  const { run } = await stack.rest.post<{ run: string }>(`/v1/schedules/${name}:run`, {});
  await stack.wrote(run, 'begun');
  return { run, grant };
}

export const g1: StackBench = {
  id: 'G1',
  async run({ rounds, stack }) {
    const times: number[] = [];
    for (let index = 0; index < (rounds + 1) * perRound; index += 1) {
      const { run, grant } = await working(stack, `revoked-${index}`);
      const begun = performance.now();
      await stack.rest.post(`/v1/grants/${grant}:revoke`, {});
      const { state } = await stack.ended(run);
      if (state !== 'cancelled') throw new Error(`run ${run} of a revoked grant is ${state}`);
      times.push(performance.now() - begun);
    }
    const counted = times.slice(perRound);
    const ratio = percentile(counted, 0.95) / promisedMs;
    return {
      id: 'G1',
      what: 'a grant revoked to its live run ended, p95 / 1 s',
      bar: { atMost: 1 },
      ratio,
      worst: Math.max(...counted) / promisedMs,
      rounds: [ratio],
      detail: { unit: 'ms', median: median(counted), samples: counted.length },
    };
  },
};
