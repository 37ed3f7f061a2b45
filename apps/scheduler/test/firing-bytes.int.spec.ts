import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { type Event, FiringOutcome, Overlap } from '@sallyport/contracts/schedule/v1/trigger';
import type { Clock } from '@sallyport/core/clock';
import type { Db } from '@sallyport/store/store';
import { FakeClock } from '@sallyport/testkit/clock';
import { FiringStore } from '../src/firings/firing.store.ts';
import { RunStore } from '../src/runs/run.store.ts';
import { aRole, aTask, inState, until, untilDecided, untilRun, type World, world } from './world.ts';

const size = 64 * 1024;
const day = 24 * 60 * 60 * 1000;

let w: World;
let names = 0;
const fresh = (): string => `n${++names}`;

beforeAll(async () => {
  w = await world();
  w.runtime.onStart = async (started) => {
    await w.runtime.report(started, WorkloadState.STARTING);
    await w.runtime.report(started, WorkloadState.RUNNING);
  };
  await w.runtime.register(100);
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(() => w.close());

async function subscribe(type: string, change: object = {}, consent = true): Promise<string> {
  const subscription = { name: fresh(), types: [type], run: { role: 'writer', start: aTask() }, ...change };
  const answer = await w.triggers.applySubscription({ subscription, consent }, await w.as());
  return answer.subscription?.name ?? '';
}

/** A big event once everybody who wants it has a firing that is decided. */
async function happens(type: string): Promise<Event> {
  const options = await w.as();
  const given = { source: '/shop', sourceId: fresh(), type, data: Buffer.alloc(size, 'x') };
  const id = (await w.triggers.sendEvent({ event: given }, options)).event?.id ?? '';
  return untilDecided(w, id);
}

/** Bytes that the row of a firing holds, of its envelope and of its attachments. */
const held = async (id: string) => {
  const [row] = await w.database.store.system((db) =>
    db.query<{ readonly unit: number; readonly attachments: number }>(
      'SELECT coalesce(length(unit), 0) AS unit, coalesce(length(attachments), 0) AS attachments FROM firing WHERE id = $1',
      [id],
    ),
  );
  return row;
};

const nothing = { unit: 0, attachments: 0 };

/** Bytes of the rows that a query of a store reads. */
async function read(query: (db: Db) => Promise<unknown>): Promise<number> {
  let bytes = 0;
  await w.database.store.tx('acme', (db) =>
    query({
      query: async <Row>(text: string, params?: readonly unknown[]) => {
        const rows = await db.query<Row>(text, params);
        for (const row of rows)
          for (const value of Object.values(row as object)) bytes += value instanceof Uint8Array ? value.byteLength : 0;
        return rows;
      },
    }),
  );
  return bytes;
}

describe('the bytes of an event', () => {
  test('are held by a firing while it waits and no longer, and reach its run', async () => {
    const type = `t.${fresh()}`;
    await subscribe(type, { overlap: Overlap.QUEUE_ONE });
    const [started] = (await happens(type)).firings;
    expect(await held(started!.id)).toEqual(nothing);
    const event = await happens(type);
    const [waiting] = event.firings;
    expect(waiting).toMatchObject({ outcome: FiringOutcome.QUEUED });
    expect((await held(waiting!.id))?.attachments).toBeGreaterThan(size);
    const options = await w.as();
    await w.api.cancelRun({ id: started!.run }, options);
    let run = '';
    await until(async () => {
      run = (await w.triggers.getEvent({ id: event.id }, options)).event?.firings[0]?.run ?? '';
      return run !== '';
    });
    expect(await held(waiting!.id)).toEqual(nothing);
    const { dispatch } = await untilRun(w, run, inState(RunState.RUNNING));
    expect(w.runtime.units.get(dispatch)?.attachments[0]?.data.byteLength).toBeGreaterThan(size);
  });

  test('are not held by a firing that is skipped, superseded or refused', async () => {
    const type = `t.${fresh()}`;
    await subscribe(type, {}, false);
    await subscribe(type, { paused: true });
    await subscribe(type, { overlap: Overlap.QUEUE_ONE });
    const [first, superseded] = [await happens(type), await happens(type)];
    await happens(type);
    const refused = first.firings.find(({ outcome }) => outcome === FiringOutcome.REFUSED);
    const skipped = first.firings.find(({ outcome }) => outcome === FiringOutcome.SKIPPED);
    const waited = superseded.firings.find(({ outcome }) => outcome === FiringOutcome.QUEUED);
    for (const firing of [refused, skipped, waited]) expect(await held(firing?.id ?? '')).toEqual(nothing);
  });

  test('are read by no listing of events, firings or runs', async () => {
    const type = `t.${fresh()}`;
    const name = await subscribe(type, { overlap: Overlap.QUEUE_ONE });
    const [started, waiting] = [await happens(type), await happens(type)];
    const store = new FiringStore();
    expect(await read((db) => store.ofEvents(db, [started.id, waiting.id]))).toBe(0);
    const { trigger } = waiting.firings[0]!;
    expect(await read((db) => store.list(db, { trigger, before: '', limit: 50 }))).toBe(0);
    const runs = new RunStore(new FakeClock() satisfies Clock);
    const filter = { environment: 'main', states: [], role: '', before: '', limit: 1 };
    expect(await read((db) => runs.list(db, filter))).toBeLessThan(size);
    const options = await w.as();
    const { firings } = await w.triggers.listFirings({ kind: 'subscription', name }, options);
    expect(firings.map(({ event, outcome }) => [event, outcome])).toEqual([
      [waiting.id, FiringOutcome.QUEUED],
      [started.id, FiringOutcome.STARTED],
    ]);
    const { runs: listed } = await w.api.listRuns({ pageSize: 1 }, options);
    expect(listed[0]).toEqual((await w.api.getRun({ id: started.firings[0]!.run }, options)).run);
  });
});

test('a firing that is over is forgotten after 90 days, and one whose run may go on is not', async () => {
  const type = `t.${fresh()}`;
  const names = [await subscribe(type, {}, false), await subscribe(type)];
  const { firings } = await happens(type);
  const old = firings.map(({ id }) => id);
  const recent = (await happens(type)).firings.map(({ id }) => id);
  await w.database.store.system((db) =>
    db.query('UPDATE firing SET made_at = made_at - $2 WHERE id = ANY($1::text[])', [old, 90 * day]),
  );
  const options = await w.as();
  const left = async () =>
    (await Promise.all(names.map((name) => w.triggers.listFirings({ kind: 'subscription', name }, options)))).flatMap(
      (page) => page.firings.map(({ id }) => id),
    );
  const started = firings.find(({ outcome }) => outcome === FiringOutcome.STARTED);
  await until(async () => (await left()).length === 3);
  expect((await left()).toSorted()).toEqual([started?.id ?? '', ...recent].toSorted());
});
