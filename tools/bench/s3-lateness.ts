/**
 * S3: how late 10,000 schedules fire that are due over 60 s, against BullMQ's delayed jobs of the same load.
 *
 * Cron has whole minutes, so the load is two waves of 5,000, a minute apart. Ours is late until the firing is a committed row that names its
 * run; the peer until its handler runs. The runs themselves ask for a profile that no edge offers: what is measured is firing, not sandboxes.
 */

import { once } from 'node:events';
import { newId } from '@sallyport/core/ids';
import { Queue } from 'bullmq';
import pg from 'pg';
import type { StartedStack } from '../e2e/started-stack.ts';
import { figure, interleave, percentile, type StackBench } from './bench.ts';
import { forkPeer } from './peers/fork-peer.ts';
import { startRedis } from './peers/redis.ts';
import { stackUrl } from './stack-postgres.ts';

const wave = 5_000;
const minuteMs = 60_000;
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

/** Milliseconds each firing of the waves was late: until it was a row, and until its run was accepted. */
async function fired(db: pg.Client, since: number): Promise<{ made: number[]; accepted: number[] }> {
  for (;;) {
    const { rows } = await db.query<{ made: string; accepted: string | null }>(
      'SELECT made_at - due_at AS made, decided_at - due_at AS accepted FROM scheduler.firing WHERE due_at >= $1',
      [since],
    );
    if (rows.length >= 2 * wave && rows.every(({ accepted }) => accepted !== null))
      return { made: rows.map(({ made }) => Number(made)), accepted: rows.map(({ accepted }) => Number(accepted)) };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export const s3: StackBench = {
  id: 'S3',
  async run({ rounds, stack }) {
    const db = new pg.Client({ connectionString: stackUrl(stack, 'sallyport') });
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
          await sleepUntil(first + minuteMs);
          const { made, accepted } = await fired(db, first);
          acceptance.push(percentile(accepted, 0.99));
          return percentile(made, 0.99);
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
