/**
 * Claims what is due as fast as it can, in a process of its own: `dispatch URL` with the scheduler's own statement, `pg-boss URL` with pg-boss's fetch.
 * Begins when told to, says how many it claimed, ends when nothing is left.
 */

import { once } from 'node:events';
import { Store } from '@sallyport/store/store';
import { PgBoss } from 'pg-boss';
import { DispatchStore } from '../../../apps/scheduler/src/dispatches/dispatch.store.ts';

/** As many as one round of the scheduler's sweep takes. */
const batch = 32;
const hourMs = 3_600_000;

interface Claims {
  take(): Promise<number>;
  close(): Promise<void>;
}

async function fromDispatches(url: string): Promise<Claims> {
  const store = Store.open({ url, schema: 'scheduler', max: 1 });
  // As pg-boss when it has started: connected.
  await store.autocommit.query('SELECT 1');
  const dispatches = new DispatchStore();
  return {
    take: async () => (await dispatches.claimDue(store.autocommit, Date.now(), hourMs, batch)).length,
    close: () => store.close(),
  };
}

async function fromPgBoss(url: string): Promise<Claims> {
  const boss = new PgBoss({ connectionString: url, max: 1, supervise: false, schedule: false, migrate: false });
  await boss.start();
  return {
    take: async () => (await boss.fetch('bench', { batchSize: batch })).length,
    close: () => boss.stop({ graceful: false }),
  };
}

const [kind, url = ''] = process.argv.slice(2);
const claims = kind === 'dispatch' ? await fromDispatches(url) : await fromPgBoss(url);
process.send?.({ ready: true });
await once(process, 'message');
let claimed = 0;
for (;;) {
  const taken = await claims.take();
  if (taken === 0) break;
  claimed += taken;
}
process.send?.({ claimed });
await claims.close();
process.disconnect();
