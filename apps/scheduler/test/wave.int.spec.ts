import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Overlap } from '@sallyport/contracts/schedule/v1/trigger';
import { newId } from '@sallyport/core/ids';
import { hourlyAt, Schedules, thisMinute } from './trigger-world.ts';
import { aRole, until, type World, world } from './world.ts';

/** More than one transaction takes. */
const many = 600;
/** Most firings that one scheduler starts at a time. */
const atATime = 32;

let w: World;

beforeAll(async () => {
  w = await world();
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(() => w.close());

/** Schedules that differ in their ids alone, all due at one minute. */
async function dueAt(due: number): Promise<readonly string[]> {
  const schedules = new Schedules(w);
  const { id, grant, specHash } = await schedules.make({ ...hourlyAt(due), overlap: Overlap.ALLOW });
  const ids = Array.from({ length: many - 1 }, () => newId('schedule', Date.now()));
  w.identity.grants.push(...ids.map((trigger) => ({ id: grant, trigger, specHash, mounts: [] })));
  await w.database.store.system(async (db) => {
    await db.query(
      `INSERT INTO trigger SELECT (jsonb_populate_record(t, jsonb_build_object('id', c.id, 'name', 'copy-' || c.n, 'next_at', null))).*
       FROM trigger t, unnest($2::text[]) WITH ORDINALITY AS c (id, n) WHERE t.id = $1`,
      [id, ids],
    );
    await db.query('UPDATE trigger SET cursor_at = $1, next_at = $2', [due - 1, due]);
  });
  return [id, ...ids];
}

const firingsDue = (due: number) =>
  w.database.store.system((db) =>
    db.query<{
      state: string;
      reason: string;
      tries: number;
      trigger_id: string;
      run: string;
      accepted: string | null;
    }>(
      'SELECT state, reason, tries, trigger_id, run, (SELECT id FROM run WHERE run.id = firing.run) AS accepted FROM firing WHERE due_at = $1',
      [due],
    ),
  );

test('a wave is on record before identity has answered for any of it, and each of it becomes one run', async () => {
  let answer: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  w.identity.before.authorizeFiring = () => held;
  const due = thisMinute();
  const ids = await dueAt(due);
  await until(async () => (await firingsDue(due)).length === many);
  const decided = await firingsDue(due);
  // One that identity left without an answer for too long has made room for another, and says so in its reason.
  const asked = decided.filter(({ reason, tries }) => tries > 0 && reason === 'deciding');
  expect(asked.length).toBeLessThanOrEqual(atATime);
  expect(decided.every(({ state, accepted }) => state === 'deciding' && accepted === null)).toBe(true);
  answer();
  await until(async () => (await firingsDue(due)).every(({ state }) => state === 'started'));
  const started = await firingsDue(due);
  expect(new Set(started.map((firing) => firing.trigger_id))).toEqual(new Set(ids));
  expect(new Set(started.map(({ accepted }) => accepted))).toEqual(new Set(decided.map(({ run }) => run)));
  expect(w.identity.firings.size).toBe(many);
});
