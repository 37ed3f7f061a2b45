import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome, Misfire, Overlap } from '@sallyport/contracts/schedule/v1/trigger';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { hour, hourlyAt, reasons, Schedules, thisMinute } from './trigger-world.ts';
import { aRole, inState, until, untilRun, type World, world } from './world.ts';

let w: World;
let schedules: Schedules;

beforeAll(async () => {
  w = await world();
  schedules = new Schedules(w);
  await w.runtime.register(50);
  await w.api.applyRole({ role: aRole }, await w.as());
});

beforeEach(() => {
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  w.identity.refuseFiring = undefined;
});

afterAll(() => w.close());

const { STARTED, SKIPPED, REFUSED, QUEUED, UNSPECIFIED } = FiringOutcome;

describe('while a run of the same schedule is not over', () => {
  test('skip: nothing starts, and the next one after it does', async () => {
    schedules.stay();
    const { name } = await schedules.make({ overlap: Overlap.SKIP });
    const first = await schedules.fire(name);
    expect(await schedules.fire(name)).toMatchObject({ outcome: SKIPPED, reason: 'overlap', run: '' });
    await schedules.end(first.run);
    await untilRun(w, first.run, inState(RunState.COMPLETED));
    expect(await schedules.fire(name)).toMatchObject({ outcome: STARTED });
  });

  test('queue_one: the newest waits, and starts when the run ends', async () => {
    schedules.stay();
    const { name } = await schedules.make({ overlap: Overlap.QUEUE_ONE });
    const first = await schedules.fire(name);
    const second = await schedules.fire(name);
    expect(second).toMatchObject({ outcome: QUEUED, reason: 'overlap', run: '' });
    const third = await schedules.fire(name);
    expect(third.outcome).toBe(QUEUED);
    expect(await schedules.settled(name, second.id)).toMatchObject({ outcome: SKIPPED, reason: 'superseded' });
    await schedules.end(first.run);
    const started = await schedules.settled(name, third.id);
    expect(started.outcome).toBe(STARTED);
    expect((await schedules.history(name)).filter(({ outcome }) => outcome === STARTED)).toHaveLength(2);
    await schedules.end(started.run);
  });

  test('allow: both run', async () => {
    schedules.stay();
    const { name } = await schedules.make({ overlap: Overlap.ALLOW });
    const [first, second] = [await schedules.fire(name), await schedules.fire(name)];
    expect([first.outcome, second.outcome]).toEqual([STARTED, STARTED]);
    await untilRun(w, first.run, inState(RunState.RUNNING));
    await untilRun(w, second.run, inState(RunState.RUNNING));
  });

  test('replace: the run is cancelled, and the new one starts when it is over', async () => {
    schedules.stay();
    const { name } = await schedules.make({ overlap: Overlap.REPLACE });
    const first = await schedules.fire(name);
    await untilRun(w, first.run, inState(RunState.RUNNING));
    const second = await schedules.fire(name);
    expect(second).toMatchObject({ outcome: QUEUED, reason: 'replacing' });
    const started = await schedules.settled(name, second.id);
    expect(started.outcome).toBe(STARTED);
    expect((await untilRun(w, first.run, inState(RunState.CANCELLED))).endedAt?.seconds).toBeLessThanOrEqual(
      started.decidedAt?.seconds ?? 0n,
    );
  });

  test('a paused or removed schedule lets go of what waits', async () => {
    schedules.stay();
    for (const [leave, reason] of [
      ['pauseSchedule', 'paused'],
      ['deleteSchedule', 'removed'],
    ] as const) {
      const { name, id } = await schedules.make({ overlap: Overlap.QUEUE_ONE });
      const first = await schedules.fire(name);
      const second = await schedules.fire(name);
      await w.triggers[leave]({ name }, await w.as());
      expect(await schedules.settled(id, second.id)).toMatchObject({ outcome: SKIPPED, reason });
      await schedules.end(first.run);
    }
  });
});

describe('a firing', () => {
  test('under one key asked for 20 times at once is one run', async () => {
    const { name } = await schedules.make({ overlap: Overlap.ALLOW });
    const before = w.identity.firings.size;
    const all = await Promise.all(Array.from({ length: 20 }, () => schedules.fire(name, 'once')));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    const [firing] = await schedules.history(name);
    await untilRun(w, firing?.run ?? '', inState(RunState.COMPLETED));
    expect(await schedules.history(name)).toHaveLength(1);
    expect(w.identity.firings.size).toBe(before + 1);
  });

  test('waits for identity and asks for the same run until it is answered', async () => {
    const { name } = await schedules.make();
    const before = w.identity.firings.size;
    w.identity.refuseFiring = new Fault('unavailable', 'store.unreachable', 'down');
    const firing = await schedules.fire(name);
    expect(firing).toMatchObject({ outcome: UNSPECIFIED, reason: 'store.unreachable', run: '' });
    // What is being decided overlaps too.
    expect(await schedules.fire(name)).toMatchObject({ outcome: SKIPPED, reason: 'overlap' });
    w.identity.refuseFiring = undefined;
    w.identity.muteFirings = 2;
    const started = await schedules.settled(name, firing.id);
    await untilRun(w, started.run, inState(RunState.COMPLETED));
    expect(w.identity.firings.size).toBe(before + 1);
  });

  const refusals: readonly [string, Fault, boolean][] = [
    ['a revoked grant', new Fault('permission_denied', 'identity.grant_revoked', 'revoked'), true],
    ['a spent grant', new Fault('failed_precondition', 'identity.grant_spent', 'spent'), true],
    ['a disabled person', new Fault('permission_denied', 'identity.principal_disabled', 'disabled'), true],
    ['a spent day', new Fault('failed_precondition', 'identity.grant_day_spent', 'tomorrow'), false],
    ['a limit reached', new Fault('resource_exhausted', 'identity.busy', 'too many'), false],
  ];
  test.each(refusals)(
    'is refused for %s with identity’s reason, and the schedule goes on',
    async (_what, fault, ends) => {
      const { name } = await schedules.make();
      w.identity.refuseFiring = fault;
      const firing = await schedules.fire(name);
      expect(firing).toMatchObject({ outcome: REFUSED, reason: fault.reason, run: '' });
      expect((await schedules.get(name)).consentNeeded).toBe(ends);
      await until(() => w.audited.some(({ kind, reason }) => kind === 'trigger.fired' && reason === fault.reason));
      w.identity.refuseFiring = undefined;
      expect((await schedules.fire(name)).outcome).toBe(STARTED);
      expect((await schedules.get(name)).consentNeeded).toBe(false);
    },
  );

  test('whose role is gone wrong is refused with the reason of a run', async () => {
    await w.api.applyRole({ role: { ...aRole, name: 'changing' } }, await w.as());
    const run = { role: 'changing', start: { start: { case: 'inline', value: 'x' } } };
    const { name } = await schedules.make({ run: { ...run, mounts: [{ workspace: 'w1', mode: MountMode.RO }] } });
    const mounts = [{ workspace: 'w1', mode: MountMode.RO }];
    await w.api.applyRole({ role: { ...aRole, name: 'changing', mounts } }, await w.as());
    expect(await schedules.fire(name)).toMatchObject({ outcome: REFUSED, reason: 'scheduler.mount_twice' });
  });
});

describe('fire times that passed while nobody was there', () => {
  const policies: readonly [string, object, readonly string[]][] = [
    ['skip', { misfire: Misfire.SKIP }, ['misfire', 'misfire', 'misfire', 'misfire', 'started']],
    ['run_once', { misfire: Misfire.RUN_ONCE }, ['misfire', 'misfire', 'misfire', 'started', 'started']],
    ['run_all', { misfire: Misfire.RUN_ALL, misfireCap: 2 }, ['misfire', 'misfire', 'started', 'started', 'started']],
  ];
  test.each(policies)('are dealt with as %s says, and each is on record', async (_name, policy, expected) => {
    const last = thisMinute();
    const schedule = await schedules.make({ ...hourlyAt(last), overlap: Overlap.ALLOW, ...policy });
    await schedules.away([schedule.id], last - 5 * hour, last - 4 * hour);
    const found = () => schedules.history(schedule.name);
    await until(async () => (await found()).length >= expected.length);
    // What identity was slow to judge is asked about again.
    await until(async () => (await found()).every(({ outcome }) => outcome !== UNSPECIFIED));
    expect(reasons(await found()).toReversed()).toEqual(expected);
    await w.triggers.deleteSchedule({ name: schedule.name }, await w.as());
  });

  test('and of a clock that was set back fire no second time', async () => {
    const due = thisMinute();
    const schedule = await schedules.make({ ...hourlyAt(due), overlap: Overlap.ALLOW });
    await schedules.away([schedule.id], due - 1, due);
    await until(async () => (await schedules.history(schedule.name))[0]?.outcome === STARTED);
    // As after a step back and a restart that forgot the cursor.
    await schedules.away([schedule.id], due - 1, due);
    await until(async () => Number((await schedules.get(schedule.name)).nextAt?.seconds ?? 0) * 1000 > due);
    const history = await schedules.history(schedule.name);
    expect(history.map(({ dueAt }) => Number(dueAt?.seconds) * 1000)).toEqual([due]);
    await w.triggers.deleteSchedule({ name: schedule.name }, await w.as());
  });
});
