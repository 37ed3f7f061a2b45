import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome, Misfire, Overlap, type Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import { Fault } from '@sallyport/core/fault';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import { hour, hourlyAt, Schedules, thisMinute } from './trigger-world.ts';
import { aRole, childOf, inState, surroundings, until, untilRun, type World } from './world.ts';

let w: World;
let children: readonly ServiceChild[];
let schedules: Schedules;

beforeAll(async () => {
  w = await surroundings();
  w.identity.publishKeys(w.issuer);
  children = [childOf(w), childOf(w)];
  await Promise.all(children.map((child) => child.start()));
  schedules = new Schedules(w);
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  await w.runtime.register(200);
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(async () => {
  await Promise.all(children.map((child) => child.end()));
  await w.close();
});

/** Runs of these schedules, by schedule and key, from the database itself. */
const started = (ids: readonly string[]) =>
  w.database.store.system((db) =>
    db.query<{ trigger_id: string; key: string; run: string; state: string }>(
      `SELECT firing.trigger_id, firing.key, run.id AS run, run.state FROM firing JOIN run ON run.id = firing.run
       WHERE firing.trigger_id = ANY($1::text[])`,
      [ids],
    ),
  );

/** As a client does that is told to try again, and whose request may have gone to a scheduler just killed. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!Fault.from(error).retryable) throw error;
    }
  }
}

const everyTick = { overlap: Overlap.ALLOW, misfire: Misfire.RUN_ALL, misfireCap: 100 };

let count = 0;
const make = async (wanted: number, last = thisMinute()): Promise<readonly Schedule[]> => {
  const made: Schedule[] = [];
  while (made.length < wanted) {
    const name = `tick-${++count}`;
    made.push(await patiently(() => schedules.apply(name, { ...everyTick, ...hourlyAt(last) })));
  }
  return made;
};

const remove = async (made: readonly { readonly name: string }[]) => {
  for (const { name } of made) {
    await patiently(async () => w.triggers.deleteSchedule({ name }, await w.as())).catch((error: unknown) => {
      // An earlier try of ours was heard.
      if (Fault.from(error).reason !== 'scheduler.trigger_not_found') throw error;
    });
  }
};

describe('two schedulers on one database', () => {
  test('start each tick of each schedule once, whoever comes first', async () => {
    const last = thisMinute();
    const made = await make(12, last);
    const ids = made.map(({ id }) => id);
    const ticks = 8;
    await schedules.away(ids, last - ticks * hour, last - (ticks - 1) * hour);
    await until(async () => (await started(ids)).length >= ids.length * ticks);
    await remove(made);
    const rows = await started(ids);
    expect(new Set(rows.map(({ trigger_id, key }) => `${trigger_id} ${key}`)).size).toBe(rows.length);
    // Every run that identity counted is one of these: none was authorised and then left.
    const runs = new Set(rows.map(({ run }) => run));
    await until(async () => (await started(ids)).every(({ state }) => state === 'completed'));
    expect([...w.identity.firings.keys()].filter((run) => !runs.has(run))).toEqual([]);
    expect(new Set(w.runtime.starts).size).toBe(w.runtime.starts.length);
  });

  test('that both fire by hand under one key make one run', async () => {
    const [schedule] = await make(1);
    const { name = '' } = schedule ?? {};
    const all = await Promise.all(Array.from({ length: 24 }, () => patiently(() => schedules.fire(name, 'both'))));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect((await started([schedule?.id ?? ''])).filter(({ key }) => key === 'now:both')).toHaveLength(1);
    await remove([{ name }]);
  });
});

/** Kills a scheduler the first time a point is reached, and starts it again. */
function killAt(child: ServiceChild, arm: (hit: () => Promise<void>) => void): Promise<void> {
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

describe('a scheduler killed', () => {
  const points: readonly [string, (hit: () => Promise<void>) => void][] = [
    ['before identity has judged the firing', (hit) => (w.identity.before.authorizeFiring = hit)],
    ['between identity’s yes and the run', (hit) => (w.identity.after.authorizeFiring = hit)],
    ['before the run is offered', (hit) => (w.identity.before.mintIntent = hit)],
  ];
  test.each(points)('%s neither loses the firing nor doubles it', async (_point, arm) => {
    const [other, child] = children;
    await other?.end();
    const due = thisMinute();
    const [schedule] = await make(1, due);
    const { id = '', name = '' } = schedule ?? {};
    if (child === undefined) throw new Error('no scheduler');
    const restarted = killAt(child, arm);
    await schedules.away([id], due - 1, due);
    await restarted;
    await until(async () => (await started([id])).some(({ key }) => key === String(due)));
    const rows = (await started([id])).filter(({ key }) => key === String(due));
    expect(rows).toHaveLength(1);
    await untilRun(w, rows[0]?.run ?? '', inState(RunState.COMPLETED));
    w.identity.before.authorizeFiring = undefined;
    w.identity.after.authorizeFiring = undefined;
    w.identity.before.mintIntent = undefined;
    await remove([{ name }]);
    await other?.start();
  });

  test('again and again while ticks come loses none of them and starts none twice', async () => {
    const last = thisMinute();
    const made = await make(10, last);
    const ids = made.map(({ id }) => id);
    const ticks = 6;
    await schedules.away(ids, last - ticks * hour, last - (ticks - 1) * hour);
    for (let kill = 0; kill < 4; kill++) {
      const seen = (await started(ids)).length;
      await until(async () => (await started(ids)).length >= Math.min(seen + 5, ids.length * ticks));
      const child = children[kill % 2];
      await child?.end();
      await child?.start();
    }
    await until(async () => (await started(ids)).length >= ids.length * ticks);
    await remove(made);
    const rows = await started(ids);
    expect(new Set(rows.map(({ trigger_id, key }) => `${trigger_id} ${key}`)).size).toBe(rows.length);
    await until(async () => (await started(ids)).every(({ state }) => state === 'completed'));
    expect(new Set(w.runtime.starts).size).toBe(w.runtime.starts.length);
    const outcomes = await patiently(() => schedules.history(ids[0] ?? ''));
    expect(outcomes.every(({ outcome }) => outcome === FiringOutcome.STARTED)).toBe(true);
  });
});
