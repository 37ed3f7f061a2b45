/** A1: durable, chained audit events a second through the audit service, against unchained durable inserts of the same rows by the same client. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { AuditClient, auditEvent, type EventInit } from '@sallyport/service/audit';
import { postgresUrl } from '@sallyport/store/embedded-postgres';
import pg from 'pg';
import { figure, interleave, type StackBench } from './bench.ts';

const events = 4_000;
const inFlight = 64;

const init = (): EventInit => ({
  kind: 'egress.allow',
  org: 'bench',
  environment: 'main',
  outcome: 'allow',
  subject: 'usr_bench',
  run: 'run_bench',
  dispatch: 'dsp_bench',
  resource: 'host/model.sallyport.internal:80',
  decision: newId('decision', Date.now()),
  facts: { method: 'POST', port: '80' },
});

export const a1: StackBench = {
  id: 'A1',
  async run({ rounds, stack }) {
    const audit = new AuditClient(await stack.bus('egress'), systemClock);
    const password = readFileSync(join(stack.data, 'secrets', 'database-postgres.password'), 'utf8').trim();
    const pool = new pg.Pool({
      connectionString: postgresUrl(join(stack.data, 'run', 'postgres'), 'postgres', 'postgres', password),
      max: 8,
    });
    await pool.query(
      'CREATE TABLE IF NOT EXISTS unchained (id text PRIMARY KEY, org text, kind text, body text, at timestamptz DEFAULT now())',
    );
    const measured = await interleave(
      {
        ours: () => rate(() => audit.append([init()])),
        floor: () =>
          rate(async () => {
            const event = auditEvent(init(), systemClock);
            await pool.query('INSERT INTO unchained (id, org, kind, body) VALUES ($1, $2, $3, $4)', [
              event.id,
              event.org,
              event.kind,
              JSON.stringify(event.facts),
            ]);
          }),
      },
      rounds,
    );
    await pool.end();
    return figure(
      {
        id: 'A1',
        what: 'durable chained audit events/s / unchained inserts/s of the same client',
        bar: { atLeast: 0.8 },
      },
      measured,
      { unit: 'events/s', 'in flight': inFlight },
    );
  },
};

/** Events a second with a fixed number in flight. */
async function rate(one: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let left = events;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1;
        await one();
      }
    }),
  );
  return events / ((performance.now() - started) / 1000);
}
