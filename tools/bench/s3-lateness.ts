/**
 * S3: how late 10,000 schedules fire that are due over 60 s, against BullMQ's delayed jobs of the same load.
 *
 * Cron has whole minutes, so the load is two waves of 5,000, a minute apart. A side has fired when it can no longer lose or double it and has
 * said who does it: the peer when its handler runs, which is when the job is active in a Redis that syncs every write; ours when the firing is
 * committed under the id of its run. Ours is told from outside, by a look at how many schedules of the wave are still due, so that each counts
 * as late as it was seen and not as early as it says. Until the run is accepted by identity is shown beside it.
 *
 * The runs themselves ask for a profile that no edge offers: what is measured is firing, not sandboxes.
 */

import { once } from 'node:events';
import { newId } from '@sallyport/core/ids';
import { Queue } from 'bullmq';
import pg from 'pg';
import type { StartedStack } from '../e2e/started-stack.ts';
import { figure, interleave, percentile, type StackBench } from './bench.ts';
import { forkPeer } from './peers/fork-peer.ts';
import { startRedis } from './peers/redis.ts';
import { spread, stackUrl } from './stack-postgres.ts';

const wave = 5_000;
const minuteMs = 60_000;
/** Between two looks at the wave. */
const lookMs = 20;
/** Time to write the load before the first wave is due. */
const leadMs = 20_000;

const sleepUntil = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

/** The first whole minute with enough time before it. */
const firstWave = (): number => Math.ceil((Date.now() + leadMs) / minuteMs) * minuteMs;

interface Applied {
  readonly id: string;
}

/** Applies one schedule the way a person does, then copies row and grant of it until there are enough. */
async function schedules(stack: StartedStack, db: pg.Client, dueAt: number): Promise<void> {
  const due = new Date(dueAt);
  const body = {
    cron: `${due.getUTCMinutes()} ${due.getUTCHours()} ${due.getUTCDate()} ${due.getUTCMonth() + 1} *`,
    overlap: 'allow',
    run: { runner: 'exec', argv: ['true'], profile: 'parked' },
  };
  const name = `wave-${dueAt}`;
  const { id } = await stack.rest.put<Applied>(`/v1/schedules/${name}`, { ...body, consent: true });
  const copies = Array.from({ length: wave - 1 }, () => [newId('schedule', Date.now()), newId('grant', Date.now())]);
  const [ids, grants] = [copies.map(([copy]) => copy), copies.map(([, grant]) => grant)];
  await db.query(
    `INSERT INTO identity.trigger_grant
       SELECT (jsonb_populate_record(g, jsonb_build_object('id', c.grant_id, 'trigger_id', c.id))).*
       FROM identity.trigger_grant g, unnest($2::text[], $3::text[]) AS c (id, grant_id) WHERE g.trigger_id = $1`,
    [id, ids, grants],
  );
  await db.query(
    `INSERT INTO scheduler.trigger
       SELECT (jsonb_populate_record(t, jsonb_build_object('id', c.id, 'grant_id', c.grant_id, 'name', $4 || '-' || c.n))).*
       FROM scheduler.trigger t, unnest($2::text[], $3::text[]) WITH ORDINALITY AS c (id, grant_id, n) WHERE t.id = $1`,
    [id, ids, grants, name],
  );
}

/** Milliseconds each firing of a wave was late until it was seen committed; its schedule is due no more in the same transaction. */
async function committed(db: pg.Client, dueAt: number): Promise<number[]> {
  await sleepUntil(dueAt);
  const late: number[] = [];
  while (late.length < wave) {
    const { rows } = await db.query<{ due: string }>(
      'SELECT count(*) AS due FROM scheduler.trigger WHERE next_at = $1',
      [dueAt],
    );
    const seenAt = Date.now() - dueAt;
    while (late.length < wave - Number(rows[0]?.due)) late.push(seenAt);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return late;
}

/** Milliseconds each firing of the waves was late until its run was accepted. */
async function accepted(db: pg.Client, since: number): Promise<number[]> {
  for (;;) {
    const { rows } = await db.query<{ late: string; state: string }>(
      'SELECT decided_at - due_at AS late, state FROM scheduler.firing WHERE due_at >= $1 AND decided_at IS NOT NULL',
      [since],
    );
    const lost = rows.find(({ state }) => state !== 'started');
    if (lost !== undefined) throw new Error(`a firing of the load is ${lost.state}`);
    if (rows.length >= 2 * wave) return rows.map(({ late }) => Number(late));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Ends what the load left behind and waits until word of it is out. */
async function quiet(db: pg.Client): Promise<void> {
  await db.query("UPDATE scheduler.dispatch SET state = 'ended', version = version + 1 WHERE state = 'queued'");
  await spread(db);
}

export const s3: StackBench = {
  id: 'S3',
  async run({ rounds, stack }) {
    const db = new pg.Client({ connectionString: stackUrl(stack, 'sallyport') });
    // When a round fails the stack ends before this client, and what failed the round is what counts.
    db.on('error', () => undefined);
    await db.connect();
    const redis = await startRedis();
    const queue = new Queue('bench', { connection: { host: '127.0.0.1', port: redis.port } });
    const worker = await forkPeer('bullmq-worker.ts', [String(redis.port)]);
    const acceptance: number[] = [];
    const measured = await interleave(
      {
        ours: async () => {
          const first = firstWave();
          await schedules(stack, db, first);
          await schedules(stack, db, first + minuteMs);
          const late = [...(await committed(db, first)), ...(await committed(db, first + minuteMs))];
          acceptance.push(percentile(await accepted(db, first), 0.99));
          await quiet(db);
          return percentile(late, 0.99);
        },
        floor: async () => {
          const first = firstWave();
          for (const dueAt of [first, first + minuteMs]) {
            const jobs = Array.from({ length: wave }, () => ({
              name: 'due',
              data: { dueAt },
              opts: { delay: dueAt - Date.now(), removeOnComplete: true },
            }));
            await queue.addBulk(jobs);
          }
          await sleepUntil(first + minuteMs);
          const late: number[] = [];
          while (late.length < 2 * wave) {
            const answer = once(worker, 'message');
            worker.send('tell');
            const [{ lateness }] = (await answer) as [{ lateness: number[] }];
            late.push(...lateness);
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
          return percentile(late, 0.99);
        },
      },
      rounds,
    );
    worker.disconnect();
    await queue.close();
    await redis.stop();
    await db.end();
    return figure(
      { id: 'S3', what: '10,000 schedules due over 60 s: lateness p99 / BullMQ delayed jobs', bar: { atMost: 1.0 } },
      measured,
      { unit: 'ms', 'p99 until the run is accepted': percentile(acceptance, 0.5) },
    );
  },
};
