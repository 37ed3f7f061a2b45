import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome, Overlap } from '@sallyport/contracts/schedule/v1/trigger';
import { Fault } from '@sallyport/core/fault';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import { aRole, aTask, childOf, inState, surroundings, until, untilDecided, untilRun, type World } from './world.ts';

let w: World;
let first: ServiceChild;
let second: ServiceChild;

beforeAll(async () => {
  w = await surroundings();
  w.identity.publishKeys(w.issuer);
  [first, second] = [childOf(w), childOf(w)];
  await Promise.all([first.start(), second.start()]);
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  await w.runtime.register(200);
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(async () => {
  await Promise.all([first.end(), second.end()]);
  await w.close();
});

const subscribe = async (name: string, type: string): Promise<string> => {
  const subscription = { name, types: [type], run: { role: 'writer', start: aTask() }, overlap: Overlap.ALLOW };
  return (await w.triggers.applySubscription({ subscription, consent: true }, await w.as())).subscription?.id ?? '';
};

/** Sends an event as a client does: the same one until it is answered. */
async function send(type: string, sourceId: string): Promise<string> {
  for (;;) {
    try {
      const options = { ...(await w.as()), timeoutMs: 2_000 };
      const { event } = await w.triggers.sendEvent({ event: { source: `/${type}`, sourceId, type } }, options);
      return event?.id ?? '';
    } catch (error) {
      if (!Fault.from(error).retryable) throw error;
    }
  }
}

const matched = (id: string) => untilDecided(w, id);

describe('two schedulers', () => {
  test('that are handed the same events at once start one run for each event and subscription', async () => {
    await subscribe('race-a', 'race');
    await subscribe('race-b', 'race');
    const before = w.runtime.starts.length;
    const keys = Array.from({ length: 20 }, (_, index) => `e${index}`);
    const ids = await Promise.all(keys.flatMap((key) => [send('race', key), send('race', key), send('race', key)]));
    const events = [...new Set(ids)];
    expect(events).toHaveLength(keys.length);
    const firings = (await Promise.all(events.map(matched))).flatMap((event) => event.firings);
    expect(firings).toHaveLength(keys.length * 2);
    for (const { run } of firings) await untilRun(w, run, inState(RunState.COMPLETED));
    expect(new Set(firings.map(({ run }) => run)).size).toBe(firings.length);
    expect(w.runtime.starts).toHaveLength(before + firings.length);
  });

  test('that both take the same events up again start nothing twice', async () => {
    await subscribe('again', 'again');
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => send('again', `e${index}`)));
    const runs = (await Promise.all(ids.map(matched))).flatMap(({ firings }) => firings.map(({ run }) => run));
    const before = w.runtime.starts.length;
    for (let round = 0; round < 5; round++) {
      // As if whoever fired them had died before noting it, and had taken its time until now.
      await w.database.store.system((db) =>
        db.query("UPDATE event SET matched_at = NULL, due_at = 0 WHERE type = 'again'"),
      );
      await Promise.all(ids.map(matched));
    }
    const after = (await Promise.all(ids.map(matched))).flatMap(({ firings }) => firings.map(({ run }) => run));
    expect(after).toEqual(runs);
    for (const run of runs) await untilRun(w, run, inState(RunState.COMPLETED));
    expect(w.runtime.starts.length).toBeLessThanOrEqual(before + runs.length);
    expect(new Set(w.runtime.starts).size).toBe(w.runtime.starts.length);
  });

  test('that are killed while an event is seen to leave it neither lost nor doubled', async () => {
    const types = Array.from({ length: 3 }, (_, index) => `kill-${index}`);
    for (const type of types) await subscribe(type, type);
    for (const [index, type] of types.entries()) {
      // The scheduler dies while identity is being asked, every other time both of them.
      let struck: Promise<unknown> | undefined;
      w.identity.before.authorizeFiring = async () => {
        struck ??= Promise.all([first, ...(index % 2 === 0 ? [second] : [])].map((child) => child.end()));
        await struck;
      };
      const before = w.runtime.starts.length;
      const id = await send(type, 'e');
      await until(() => struck !== undefined);
      await struck;
      delete w.identity.before.authorizeFiring;
      await Promise.all([first, ...(index % 2 === 0 ? [second] : [])].map((child) => child.start()));
      await w.database.store.system(async (db) => {
        // What the dead held is free at once rather than after its lease.
        await db.query('UPDATE event SET due_at = 0 WHERE id = $1', [id]);
        await db.query('UPDATE firing SET lease_until = 0 WHERE event = $1', [id]);
      });
      const { firings } = await matched(id);
      expect(firings).toMatchObject([{ outcome: FiringOutcome.STARTED }]);
      await untilRun(w, firings[0]!.run, inState(RunState.COMPLETED));
      expect(w.runtime.starts).toHaveLength(before + 1);
    }
  });
});
