import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { EdgeState, RunState, TaskState } from '@sallyport/contracts/schedule/v1/schedule';
import { aRole, aTask, brief, inState, quick, until, untilRun, type World, world } from './world.ts';

let w: World;

const begin = async (bounds: Readonly<Record<string, string>> = brief) => {
  w = await world({ ...quick, ...bounds });
  await w.api.applyRole({ role: aRole }, await w.as());
};

beforeEach(() => begin());
afterEach(() => w.close());

const start = async (lifetimeSeconds = 0) => {
  const { run } = await w.api.createRun({ role: 'writer', start: aTask(), limits: { lifetimeSeconds } }, await w.as());
  return run?.id ?? '';
};

const running = async () => {
  w.runtime.onStart = async (id) => {
    await w.runtime.report(id, WorkloadState.STARTING);
    await w.runtime.report(id, WorkloadState.RUNNING);
  };
  return untilRun(w, await start(), inState(RunState.RUNNING));
};

const ended = (id: string) => untilRun(w, id, (run) => run.endedAt !== undefined);

/** Waits for a condition as if it had been so for years; what the scheduler writes meanwhile is set back again. */
const afterYears = (change: string, condition: () => Promise<boolean>) =>
  until(async () => {
    await w.database.store.system((db) => db.query(change));
    return condition();
  });

const endedAfterTrouble = async (id: string) => {
  const isOver = async () => (await w.api.getRun({ id }, await w.as())).run?.endedAt !== undefined;
  await afterYears('UPDATE dispatch SET troubled_since = 0, due_at = 0 WHERE troubled_since IS NOT NULL', isOver);
  return ended(id);
};

describe('a run without an edge', () => {
  test('says so, and starts at once when one registers', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const id = await start();
    expect((await untilRun(w, id, (run) => run.reason === 'no_edge')).state).toBe(RunState.QUEUED);
    await w.runtime.register();
    expect((await ended(id)).state).toBe(RunState.COMPLETED);
  });

  test('ends when none comes', async () => {
    await w.close();
    await begin({ SALLY_QUEUE_MS: '300' });
    expect(await ended(await start())).toMatchObject({
      state: RunState.FAILED,
      reason: 'queue_timeout',
      taskState: TaskState.DELIVERY_FAILED,
    });
  });
});

describe('an edge', () => {
  test('is never given more than it has room for, and the next starts as soon as one ends', async () => {
    let live = 0;
    let most = 0;
    w.runtime.onStart = async (id) => {
      live += 1;
      most = Math.max(most, live);
      await w.runtime.report(id, WorkloadState.RUNNING);
      live -= 1;
      await w.runtime.end(id, StopReason.COMPLETED);
    };
    await w.runtime.register(2);
    const ids = await Promise.all(Array.from({ length: 12 }, () => start()));
    for (const id of ids) expect((await ended(id)).state).toBe(RunState.COMPLETED);
    expect(most).toBeLessThanOrEqual(2);
  });

  test('with room takes what it can run, however much of what it cannot run has waited longer', async () => {
    await w.close();
    // Nothing is looked at again by itself within this test.
    await begin({ SALLY_LOOK_MS: '600000' });
    await w.runtime.register(1);
    const first = await running();
    const stranger = { role: 'writer', start: aTask(), profile: 'parked' };
    for (let index = 0; index < 4; index++) {
      const { run } = await w.api.createRun(stranger, await w.as());
      await untilRun(w, run?.id ?? '', (each) => each.reason === 'no_edge');
    }
    const next = await start();
    await untilRun(w, next, (run) => run.reason === 'no_capacity');
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    await w.runtime.end(first.dispatch, StopReason.COMPLETED);
    expect((await ended(next)).state).toBe(RunState.COMPLETED);
  });

  test('that falls silent loses what it ran, after the bound and not before', async () => {
    await w.runtime.register();
    const { id, dispatch } = await running();
    // It answers nobody any more.
    await w.runtime.vanish();
    expect(await untilRun(w, id, (run) => run.reason === 'edge_silent')).toMatchObject({ state: RunState.RUNNING });
    expect(await endedAfterTrouble(id)).toMatchObject({ state: RunState.FAILED, reason: 'edge_lost' });
    await until(() => w.identity.ended.includes(id));
    expect(w.runtime.starts).toEqual([dispatch]);
  });

  test('that comes back in time keeps it', async () => {
    await w.runtime.register();
    const { id, dispatch } = await running();
    w.runtime.silence();
    // The lease ran out and the scheduler looked.
    await until(() => w.runtime.looks.includes(dispatch));
    expect((await untilRun(w, id, inState(RunState.RUNNING))).dispatch).toBe(dispatch);
    await w.runtime.end(dispatch, StopReason.COMPLETED);
    expect((await ended(id)).state).toBe(RunState.COMPLETED);
  });

  test('that answers and no longer knows a started workload has lost it', async () => {
    await w.runtime.register();
    const { id, dispatch } = await running();
    w.runtime.workloads.delete(dispatch);
    expect(await ended(id)).toMatchObject({ state: RunState.FAILED, reason: 'lost' });
  });

  test('whose last report never comes has its workload’s end taken from a look', async () => {
    await w.runtime.register();
    const { id, dispatch } = await running();
    const workload = w.runtime.workloads.get(dispatch)!;
    w.runtime.workloads.set(dispatch, { ...workload, state: WorkloadState.STOPPED, stopReason: StopReason.OOM });
    await untilRun(w, id, (run) => run.reason === 'report_awaited');
    expect(await endedAfterTrouble(id)).toMatchObject({ state: RunState.FAILED, reason: 'oom' });
  });

  test('is told to stop what outlives its lifetime', async () => {
    await w.runtime.register();
    w.runtime.onStart = (each) => w.runtime.report(each, WorkloadState.RUNNING);
    const { id, dispatch } = await untilRun(w, await start(1), (run) => run.dispatch !== '');
    await until(() => w.runtime.stops.includes(dispatch));
    expect((await ended(id)).endedAt).toBeDefined();
  });

  test('counts as gone after its silence and is active again when it is heard', async () => {
    await w.runtime.register();
    w.runtime.silence();
    const state = async () =>
      (await w.database.store.system((db) => db.query<{ state: string }>('SELECT state FROM edge')))[0]?.state;
    await afterYears('UPDATE edge SET seen_at = 0', async () => (await state()) === 'gone');
    await w.runtime.heartbeat();
    expect(await state()).toBe('active');
    const { state: registered } = await w.runtime.scheduler.registerEdge({
      edge: 'local',
      runners: ['exec'],
      profiles: ['default'],
      capacity: 1,
    });
    expect(registered).toBe(EdgeState.ACTIVE);
  });
});
