/**
 * S4: due dispatches claimed a second by two scheduler processes, against two pg-boss processes that fetch, on the same Postgres.
 *
 * The peer waits for the disk with every fetch. Ours does not: what a claim puts off is due again when a crash of the database takes the
 * claim back, and everything that follows from it is written under the version it raised.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { migrate } from '@sallyport/store/migrate';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import type { StartedStack } from '../e2e/started-stack.ts';
import { repository } from '../start/options.ts';
import { figure, interleave, type StackBench } from './bench.ts';
import { forkPeer } from './peers/fork-peer.ts';
import { freshDatabase, stackUrl } from './stack-postgres.ts';

const due = 10_000;
const claimers = 2;

/** Runs with one due dispatch each, as the scheduler would have written them. */
const fill = `
  INSERT INTO scheduler.run (id, org, environment, subject, role, runner, unit, state, reason, message, since, version, seq, created_at)
    SELECT 'run_' || i, 'bench', 'main', 'usr', '', 'exec', '', 'queued', 'accepted', '', 0, 1, 1, 0 FROM generate_series(1, ${due}) i;
  INSERT INTO scheduler.dispatch (id, org, run, attempt, state, reason, since, version, runner, profile, wish, epoch, offers, created_at, due_at,
      lease_until, ends_by, lifetime_ms, workload_seq, output_offset)
    SELECT 'dsp_' || i, 'bench', 'run_' || i, 1, 'queued', 'accepted', 0, 1, 'exec', 'default', 'run', 0, 0, 0, i, 0, 9e15, 1000, 0, 0
    FROM generate_series(1, ${due}) i;
  ANALYZE scheduler.dispatch`;

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

/** A database with the scheduler's schema, and the URL of the scheduler's own role on it. */
async function schedulerDatabase(stack: StartedStack): Promise<{ admin: string; own: string }> {
  const admin = await freshDatabase(stack, 'bench_claim');
  const directory = join(repository, 'apps/scheduler/prisma/migrations');
  await migrate({ adminUrl: admin, schema: 'scheduler', role: 'sally_scheduler', directory });
  return { admin, own: stackUrl(stack, 'bench_claim', 'sally_scheduler') };
}

/** Claims a second when every claimer begins at once and works until nothing is left. */
async function rate(kind: 'dispatch' | 'pg-boss', url: string): Promise<number> {
  const children = await Promise.all(Array.from({ length: claimers }, () => forkPeer('claimer.ts', [kind, url])));
  const begun = performance.now();
  const counts = await Promise.all(
    children.map(async (child) => {
      const answer = once(child, 'message');
      child.send('go');
      const [{ claimed }] = (await answer) as [{ claimed: number }];
      return claimed;
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total !== due) throw new Error(`${kind}: ${total} claims of ${due}: one was lost or taken twice`);
  return total / seconds;
}

export const s4: StackBench = {
  id: 'S4',
  async run({ rounds, stack }) {
    const ours = await schedulerDatabase(stack);
    const peer = await freshDatabase(stack, 'bench_pgboss');
    const boss = new PgBoss({ connectionString: peer, supervise: false, schedule: false });
    await boss.start();
    await boss.createQueue('bench');
    const measured = await interleave(
      {
        ours: async () => {
          await query(ours.admin, `TRUNCATE scheduler.run CASCADE; ${fill}`);
          return rate('dispatch', ours.own);
        },
        floor: async () => {
          // Without a name it truncates, as ours does: neither arm walks over the dead rows of the round before.
          await boss.deleteAllJobs();
          await boss.insert(
            'bench',
            Array.from({ length: due }, (_, index) => ({ data: { index } })),
          );
          await query(peer, 'ANALYZE');
          return rate('pg-boss', peer);
        },
      },
      rounds,
    );
    await boss.stop({ graceful: false });
    return figure(
      { id: 'S4', what: 'due dispatches claimed/s, 2 schedulers / pg-boss fetch, 2 processes', bar: { atLeast: 1.0 } },
      measured,
      { unit: '1/s', due, batch: 32 },
    );
  },
};
