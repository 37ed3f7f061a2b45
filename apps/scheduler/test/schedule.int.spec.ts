import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { type Firing, FiringOutcome } from '@sallyport/contracts/schedule/v1/trigger';
import { TriggerKind } from '@sallyport/contracts/unit/v1/unit';
import { aRole, aTask, inState, until, untilRun, type World, world } from './world.ts';

let w: World;
let names = 0;
const fresh = () => `s${++names}`;

beforeAll(async () => {
  w = await world();
  await w.runtime.register(50);
  await w.api.applyRole({ role: aRole }, await w.as());
});

beforeEach(() => {
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  w.identity.refuseFiring = undefined;
});

afterAll(() => w.close());

const yearly = '0 0 1 1 *';
const aSchedule = (name: string, change: object = {}) => ({
  name,
  cron: yearly,
  timeZone: 'Europe/Berlin',
  run: { role: 'writer', start: aTask('report') },
  ...change,
});

const apply = async (name: string, change: object = {}, consent = true) => {
  const { schedule } = await w.triggers.applySchedule({ schedule: aSchedule(name, change), consent }, await w.as());
  if (schedule === undefined) throw new Error('no schedule');
  return schedule;
};

const fire = async (name: string, idempotencyKey = '') => {
  const { firing } = await w.triggers.fireSchedule({ name, idempotencyKey }, await w.as());
  if (firing === undefined) throw new Error('no firing');
  return firing;
};

const history = async (name: string): Promise<Firing[]> =>
  (await w.triggers.listFirings({ kind: 'schedule', name }, await w.as())).firings;

/** Makes a schedule as if its last decided time had been then: what a scheduler finds that was away since. */
const away = async (id: string, sinceMs: number, nextMs: number) =>
  w.database.store.system((db) =>
    db.query('UPDATE trigger SET cursor_at = $2, next_at = $3 WHERE id = $1', [id, sinceMs, nextMs]),
  );

describe('a schedule', () => {
  test('fired by hand becomes a run of the one who consented, launched by the schedule under its grant', async () => {
    const schedule = await apply(fresh());
    expect(schedule).toMatchObject({ consentNeeded: false, version: 2n, paused: false });
    const firing = await fire(schedule.name);
    expect(firing).toMatchObject({ outcome: FiringOutcome.STARTED, trigger: schedule.id });
    const run = await untilRun(w, firing.run, inState(RunState.COMPLETED));
    expect(run.subject).toBe('usr_test');
    const unit = w.runtime.units.get(run.dispatch);
    expect(unit?.identity).toMatchObject({ subject: 'usr_test', launcher: schedule.id });
    expect(unit?.trigger).toMatchObject({ kind: TriggerKind.CRON, source: schedule.id, grant: schedule.grant });
    await until(() => w.audited.some((event) => event.kind === 'trigger.fired' && event.run === firing.run));
  });

  test('fires by the clock, once, and is due again next time', async () => {
    const schedule = await apply(fresh(), { cron: '* * * * *' });
    const due = Math.floor(Date.now() / 60_000) * 60_000;
    await away(schedule.id, due - 1, due);
    await until(async () => (await history(schedule.name)).some(({ outcome }) => outcome === FiringOutcome.STARTED));
    const [firing] = await history(schedule.name);
    expect(Number(firing?.dueAt?.seconds) * 1000).toBe(due);
    const { schedule: after } = await w.triggers.getSchedule({ name: schedule.name }, await w.as());
    expect(Number(after?.nextAt?.seconds) * 1000).toBeGreaterThan(due);
  });
});
