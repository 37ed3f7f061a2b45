import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Fault } from '@sallyport/core/fault';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import { aRole, aTask, childOf, inState, surroundings, until, untilRun, type World } from './world.ts';

let w: World;
let child: ServiceChild;

beforeAll(async () => {
  w = await surroundings();
  w.identity.publishKeys(w.issuer);
  child = childOf(w);
  await child.start();
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(async () => {
  await child.end();
  await w.close();
});

/** Kills the scheduler the first time it gets to a point, and starts it again. */
function killAt(arm: (hit: () => Promise<void>) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let struck = false;
    arm(async () => {
      if (struck) return;
      struck = true;
      await child.end();
      child.start().then(resolve, reject);
    });
  });
}

/** Creates a run as a client does: the same key until it is answered. */
async function create(key: string): Promise<string> {
  for (;;) {
    try {
      const { run } = await w.api.createRun(
        { role: 'writer', start: aTask(), idempotencyKey: key },
        { ...(await w.as()), timeoutMs: 2_000 },
      );
      return run?.id ?? '';
    } catch (error) {
      if (!Fault.from(error).retryable) throw error;
    }
  }
}

/** The first offer finds the edge full. */
function refuseOnce(): void {
  let refused = false;
  w.runtime.before.take = async () => {
    if (refused) return;
    refused = true;
    throw new Fault('resource_exhausted', 'runtime.quota', 'full');
  };
}

const points: readonly [string, (hit: () => Promise<void>) => void][] = [
  ['while identity authorises the launch', (hit) => (w.identity.before.authorizeLaunch = hit)],
  [
    'between a second lease and its intent token',
    (hit) => {
      refuseOnce();
      w.identity.before.mintIntent = hit;
    },
  ],
  ['between the token and the edge taking the offer', (hit) => (w.runtime.before.take = hit)],
  ['between the edge taking the offer and its answer', (hit) => (w.runtime.before.answer = hit)],
  ['before the first report', (hit) => (w.runtime.before.starting = hit)],
  ['while the agent runs', (hit) => (w.runtime.before.stopped = hit)],
  ['between the end and telling identity of it', (hit) => (w.identity.before.endLaunch = hit)],
];

describe('a scheduler killed', () => {
  test.each(points)('%s brings the run to its end after its restart, started once', async (point, arm) => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const restarted = killAt(arm);
    const id = await create(point);
    await restarted;
    const run = await untilRun(w, id, inState(RunState.COMPLETED));
    expect(w.runtime.starts.filter((started) => started === run.dispatch)).toHaveLength(1);
    await until(() => w.identity.ended.includes(id) && w.workspace.released.includes(id));
  });

  test('again and again under load loses no accepted run and starts none twice', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const runs = 60;
    const creating = Array.from({ length: runs }, (_, index) => create(`load-${index}`));
    for (let kill = 0; kill < 3; kill++) {
      const seen = w.runtime.starts.length;
      await until(() => w.runtime.starts.length >= Math.min(seen + 4, runs));
      await child.end();
      await child.start();
    }
    const ids = await Promise.all(creating);
    for (const id of ids) await untilRun(w, id, inState(RunState.COMPLETED));
    expect(new Set(w.runtime.starts).size).toBe(w.runtime.starts.length);
  });
});
