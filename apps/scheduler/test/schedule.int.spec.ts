import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome, Misfire, Overlap } from '@sallyport/contracts/schedule/v1/trigger';
import { MountMode, TriggerKind } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { aSchedule, hourlyAt, Schedules, thisMinute } from './trigger-world.ts';
import { aRole, aTask, inState, until, untilRun, type World, world } from './world.ts';

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
});

afterAll(() => w.close());

describe('a schedule', () => {
  test('fired by hand becomes a run of the one who consented, launched by the schedule under its grant', async () => {
    const schedule = await schedules.make();
    expect(schedule).toMatchObject({ consentNeeded: false, paused: false, timeZone: 'Europe/Berlin' });
    const firing = await schedules.fire(schedule.name);
    expect(firing).toMatchObject({ outcome: FiringOutcome.STARTED, trigger: schedule.id });
    const run = await untilRun(w, firing.run, inState(RunState.COMPLETED));
    expect(run.subject).toBe('usr_test');
    const unit = w.runtime.units.get(run.dispatch);
    expect(unit?.identity).toMatchObject({ subject: 'usr_test', launcher: schedule.id });
    expect(unit?.trigger).toMatchObject({ kind: TriggerKind.CRON, source: schedule.id, grant: schedule.grant });
    expect(w.identity.grants.at(-1)).toMatchObject({ trigger: schedule.id, mounts: [`company:${MountMode.RO}`] });
    await until(() => w.audited.some((event) => event.kind === 'trigger.fired' && event.run === firing.run));
  });

  test('fires by the clock, once, and is due again next time', async () => {
    const due = thisMinute();
    const schedule = await schedules.make(hourlyAt(due));
    await schedules.away([schedule.id], due - 1, due);
    await until(async () => (await schedules.history(schedule.name))[0]?.outcome === FiringOutcome.STARTED);
    const [firing] = await schedules.history(schedule.name);
    expect(Number(firing?.dueAt?.seconds) * 1000).toBe(due);
    expect(Number((await schedules.get(schedule.name)).nextAt?.seconds) * 1000).toBeGreaterThan(due);
    await w.triggers.deleteSchedule({ name: schedule.name }, await w.as());
  });

  test('keeps its time when its policies change, and takes another when its expression does', async () => {
    const before = await schedules.make();
    const other = await schedules.apply(before.name, { overlap: Overlap.ALLOW });
    expect(other.nextAt).toEqual(before.nextAt);
    const moved = await schedules.apply(before.name, { cron: '0 0 2 1 *' });
    expect(Number(moved.nextAt?.seconds)).toBe(Number(before.nextAt?.seconds) + 86_400);
  });

  test('is versioned, and an outdated apply is refused', async () => {
    const first = await schedules.make({}, false);
    expect(first.version).toBe(1n);
    const schedule = aSchedule(first.name, { overlap: Overlap.ALLOW });
    const options = await w.as();
    expect((await w.triggers.applySchedule({ schedule, ifVersion: 1n }, options)).schedule?.version).toBe(2n);
    await expect(w.triggers.applySchedule({ schedule, ifVersion: 1n }, options)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.trigger_changed',
      detail: { version: '2' },
    });
    const absent = aSchedule('absent');
    await expect(w.triggers.applySchedule({ schedule: absent, ifVersion: 1n }, options)).rejects.toMatchObject({
      reason: 'scheduler.trigger_not_found',
    });
  });

  test('is made anew only where there is none, also by those who race', async () => {
    const schedule = aSchedule('made-once');
    const options = await w.as();
    const made = () => w.triggers.applySchedule({ schedule, ifAbsent: true }, options);
    const results = await Promise.allSettled([made(), made(), made(), made()]);
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [Fault.from(result.reason)] : []));
    expect(refused.map(({ reason }) => reason)).toEqual(Array.from({ length: 3 }, () => 'scheduler.trigger_exists'));
    expect((await schedules.get('made-once')).version).toBe(1n);
  });

  test('applied many times at once under a new name is one schedule', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => schedules.apply('raced', {}, false)));
    const ids = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []));
    expect(new Set(ids).size).toBe(1);
    for (const result of results)
      if (result.status === 'rejected')
        expect(Fault.from(result.reason)).toMatchObject({ reason: 'scheduler.conflict' });
  });

  test('that is paused fires nothing by the clock, and goes on from now when resumed', async () => {
    const schedule = await schedules.make(hourlyAt(thisMinute()));
    const { schedule: paused } = await w.triggers.pauseSchedule({ name: schedule.name }, await w.as());
    expect(paused).toMatchObject({ paused: true });
    expect(paused?.nextAt).toBeUndefined();
    // By hand it fires all the same.
    expect((await schedules.fire(schedule.name)).outcome).toBe(FiringOutcome.STARTED);
    await w.database.store.system((db) => db.query('UPDATE trigger SET cursor_at = 0 WHERE id = $1', [schedule.id]));
    const now = Date.now();
    const { schedule: resumed } = await w.triggers.resumeSchedule({ name: schedule.name }, await w.as());
    expect(Number(resumed?.nextAt?.seconds) * 1000).toBeGreaterThan(now);
    expect(await schedules.history(schedule.name)).toHaveLength(1);
    await w.triggers.deleteSchedule({ name: schedule.name }, await w.as());
  });

  test('that is removed is not found, ends its grants, frees its name and keeps its history under its id', async () => {
    const { name, id } = await schedules.make();
    await schedules.fire(name);
    await w.triggers.deleteSchedule({ name }, await w.as());
    await expect(schedules.get(name)).rejects.toMatchObject({ reason: 'scheduler.trigger_not_found' });
    await expect(schedules.history(name)).rejects.toMatchObject({ reason: 'scheduler.trigger_not_found' });
    expect(await schedules.history(id)).toHaveLength(1);
    await until(() => w.identity.endedGrants.includes(id));
    expect((await schedules.apply(name)).id).not.toBe(id);
  });

  test('shows its next times, as does an expression nobody applied', async () => {
    const { name } = await schedules.make({ cron: '30 2 * * *' });
    const { times } = await w.triggers.previewSchedule({ name, count: 3 }, await w.as());
    const preview = await w.triggers.previewSchedule(
      { cron: '30 2 * * *', timeZone: 'Europe/Berlin', count: 3 },
      await w.as(),
    );
    expect(times).toHaveLength(3);
    expect(preview.times).toEqual(times);
    expect((await w.triggers.previewSchedule({ cron: '0 0 30 2 *' }, await w.as())).times).toEqual([]);
  });
});

describe('consent', () => {
  test('is missing until it is given, and is given for what was shown', async () => {
    const schedule = await schedules.make({}, false);
    expect(schedule).toMatchObject({ consentNeeded: true, grant: '' });
    expect(await schedules.fire(schedule.name)).toMatchObject({
      outcome: FiringOutcome.REFUSED,
      reason: 'consent_needed',
      run: '',
    });
    const shown = { kind: 'schedule', name: schedule.name, specHash: schedule.specHash };
    await expect(w.triggers.consentTrigger({ ...shown, specHash: 'f'.repeat(64) }, await w.as())).rejects.toMatchObject(
      {
        code: 'failed_precondition',
        reason: 'scheduler.consent_outdated',
        detail: { spec_hash: schedule.specHash },
      },
    );
    const { grant } = await w.triggers.consentTrigger(shown, await w.as());
    expect(await schedules.get(schedule.name)).toMatchObject({ consentNeeded: false, grant: grant?.id });
    expect((await schedules.fire(schedule.name)).outcome).toBe(FiringOutcome.STARTED);
  });

  test('is needed again after an edit of anything that was shown, and not after a pause', async () => {
    const changes: readonly object[] = [
      { cron: '0 1 1 1 *' },
      { timeZone: 'UTC' },
      { overlap: Overlap.ALLOW },
      { misfire: Misfire.RUN_ALL },
      { misfire: Misfire.RUN_ALL, misfireCap: 7 },
      { run: { role: 'writer', start: aTask('something else') } },
      { run: { role: 'writer', start: aTask('report'), mounts: [{ workspace: 'demo', mode: MountMode.RW }] } },
      { run: { role: 'writer', start: aTask('report'), session: 'daily' } },
    ];
    const hashes = new Set<string>();
    for (const change of changes) {
      const { name } = await schedules.make();
      const edited = await schedules.apply(name, change, false);
      expect([change, edited.consentNeeded]).toEqual([change, true]);
      hashes.add(edited.specHash);
      expect((await schedules.fire(name)).reason).toBe('consent_needed');
    }
    expect(hashes.size).toBe(changes.length);
    const { name } = await schedules.make();
    expect((await schedules.apply(name, { paused: true }, false)).consentNeeded).toBe(false);
  });

  test('by a key that may not give grants is refused before anything changes', async () => {
    const options = await w.as({ scope: ['schedule:write', 'schedule:read'] });
    await expect(
      w.triggers.applySchedule({ schedule: aSchedule('unconsented'), consent: true }, options),
    ).rejects.toMatchObject({ code: 'permission_denied', reason: 'scheduler.consent_scope' });
    await expect(schedules.get('unconsented')).rejects.toMatchObject({ reason: 'scheduler.trigger_not_found' });
    await expect(
      w.triggers.consentTrigger({ kind: 'schedule', name: 'raced', specHash: '' }, options),
    ).rejects.toMatchObject({ reason: 'token.scope' });
  });
});

describe('applying a schedule', () => {
  const refused: readonly [string, object, string, string][] = [
    ['a name that is no name', { name: '../x' }, 'scheduler.name_invalid', '/schedule/name'],
    ['seconds', { cron: '* * * * * *' }, 'scheduler.cron_invalid', '/schedule/cron'],
    ['no expression', { cron: '' }, 'scheduler.cron_invalid', '/schedule/cron'],
    ['the 30th of February', { cron: '0 0 30 2 *' }, 'scheduler.never_fires', '/schedule/cron'],
    ['an unknown zone', { timeZone: 'Mars/Olympus' }, 'scheduler.zone_unknown', '/schedule/time_zone'],
    ['an unknown misfire', { misfire: 9 as Misfire }, 'scheduler.policy_invalid', '/schedule/misfire'],
    ['an unknown overlap', { overlap: 9 as Overlap }, 'scheduler.policy_invalid', '/schedule/overlap'],
    ['a cap of 101', { misfireCap: 101 }, 'scheduler.policy_invalid', '/schedule/misfire_cap'],
    ['a negative cap', { misfireCap: -1 }, 'scheduler.policy_invalid', '/schedule/misfire_cap'],
    ['no template', { run: {} }, 'scheduler.role_or_runner', '/schedule/run/role'],
    ['an unknown role', { run: { role: 'nobody', start: aTask() } }, 'scheduler.role_not_found', ''],
    ['no task', { run: { role: 'writer' } }, 'scheduler.start_missing', '/schedule/run/start'],
    [
      'a mount its role has',
      { run: { role: 'writer', start: aTask(), mounts: [{ workspace: 'company', mode: MountMode.RW }] } },
      'scheduler.mount_twice',
      '/schedule/run/mounts/0/workspace',
    ],
  ];
  test.each(refused)('is refused with %s, and keeps nothing', async (_what, change, reason, pointer) => {
    const schedule = aSchedule('refused', change);
    await expect(w.triggers.applySchedule({ schedule }, await w.as())).rejects.toMatchObject({
      reason,
      ...(pointer === '' ? {} : { detail: { pointer } }),
    });
    await expect(schedules.get('refused')).rejects.toMatchObject({ reason: 'scheduler.trigger_not_found' });
  });
});

describe('what belongs to another org or environment', () => {
  test('is not found, whatever is asked of it', async () => {
    const { name, id } = await schedules.make();
    const gone = { code: 'not_found', reason: 'scheduler.trigger_not_found' };
    for (const options of [await w.as({ org: 'globex' }), await w.as({ env: 'other' })]) {
      await expect(w.triggers.getSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.pauseSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.resumeSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.fireSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.deleteSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.previewSchedule({ name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.consentTrigger({ kind: 'schedule', name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.listFirings({ kind: 'schedule', name }, options)).rejects.toMatchObject(gone);
      await expect(w.triggers.listFirings({ kind: 'schedule', name: id }, options)).rejects.toMatchObject(gone);
      expect((await w.triggers.listSchedules({}, options)).schedules).toEqual([]);
    }
  });

  test('stays hidden from a query that forgets to ask for its own org', async () => {
    for (const table of ['trigger', 'firing'])
      expect(await w.database.store.tx('initech', (db) => db.query(`SELECT 1 FROM ${table}`))).toEqual([]);
  });
});

test('schedules and firings are listed page by page', async () => {
  const options = await w.as({ env: 'paged' });
  await w.api.applyRole({ role: aRole }, options);
  for (const name of ['c', 'a', 'b']) await w.triggers.applySchedule({ schedule: aSchedule(name) }, options);
  const first = await w.triggers.listSchedules({ pageSize: 2 }, options);
  const second = await w.triggers.listSchedules({ pageSize: 2, pageToken: first.nextPageToken }, options);
  expect([first, second].map(({ schedules: page }) => page.map(({ name }) => name))).toEqual([['a', 'b'], ['c']]);
  for (let index = 0; index < 3; index++) await w.triggers.fireSchedule({ name: 'a' }, options);
  const page = await w.triggers.listFirings({ kind: 'schedule', name: 'a', pageSize: 2 }, options);
  const rest = await w.triggers.listFirings(
    { kind: 'schedule', name: 'a', pageSize: 2, pageToken: page.nextPageToken },
    options,
  );
  expect([page.firings.length, rest.firings.length, rest.nextPageToken]).toEqual([2, 1, '']);
  await expect(w.triggers.listFirings({ kind: 'hook', name: 'a' }, options)).rejects.toMatchObject({
    reason: 'scheduler.kind_unknown',
  });
  await expect(w.triggers.listSchedules({ pageSize: 201 }, options)).rejects.toMatchObject({
    reason: 'scheduler.page_invalid',
  });
});
