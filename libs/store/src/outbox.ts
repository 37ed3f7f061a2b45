/**
 * Messages that commit with the state they tell of.
 *
 * A row is written in the transaction of the change and carried out by a relay afterwards, at least once, in order. Event rows stay
 * a day after they were published, so that a bus that lost its data can be filled again.
 */

import { byteaArray } from './bytea-array.ts';
import type { Db } from './store.ts';

/** Where a row goes: `audit` to the audit service, anything else is a bus subject. */
export interface OutboxRow {
  /** Unique; receivers drop what they have seen. */
  readonly id: string;
  readonly org: string;
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** Subject of rows that the audit service takes. */
export const auditSubject = 'audit';

/** DDL of the outbox in the schema of a service; safe to run again. */
export const outboxSql = (role: string): string => `
CREATE TABLE IF NOT EXISTS outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  org text NOT NULL,
  subject text NOT NULL,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (position) WHERE published_at IS NULL;
CREATE TABLE IF NOT EXISTS outbox_stream (name text PRIMARY KEY, created text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO ${role};
GRANT SELECT, INSERT, UPDATE ON outbox_stream TO ${role};
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS org ON outbox;
CREATE POLICY org ON outbox USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
`;

/** Adds rows to the outbox of the transaction. Order within a call is kept. */
export async function enqueue(db: Db, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await db.query(
    `INSERT INTO outbox (id, org, subject, payload)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) ON CONFLICT (id) DO NOTHING`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.org),
      rows.map((row) => row.subject),
      byteaArray(rows.map((row) => row.payload)),
    ],
  );
}

/** Rows that wait, oldest first; locked so that replicas of a service do not send the same ones at once. */
export const takeWaiting = (db: Db, limit: number): Promise<(OutboxRow & { position: string })[]> =>
  db.query(
    'SELECT position, id, org, subject, payload FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED',
    [limit],
  );

/** Marks rows as carried out. */
export const markPublished = (db: Db, positions: readonly string[]): Promise<unknown> =>
  db.query('UPDATE outbox SET published_at = now() WHERE position = ANY($1::bigint[])', [positions]);

/** Removes rows a day after they were carried out; audit rows at once, since the audit service holds them for good. */
export const forgetPublished = (db: Db): Promise<unknown> =>
  db.query(
    `DELETE FROM outbox WHERE published_at < CASE subject WHEN '${auditSubject}' THEN now() ELSE now() - interval '1 day' END`,
  );

/**
 * Notes when a stream was made; when that has changed the stream lost its data and every kept row under its subjects waits again.
 *
 * @returns how many rows wait again.
 */
export async function noticeStream(db: Db, name: string, created: string, prefix: string): Promise<number> {
  const [known] = await db.query<{ created: string }>('SELECT created FROM outbox_stream WHERE name = $1', [name]);
  await db.query(
    'INSERT INTO outbox_stream VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET created = excluded.created',
    [name, created],
  );
  if (known === undefined || known.created === created) return 0;
  const again = await db.query(
    `UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL AND starts_with(subject, $1) RETURNING id`,
    [prefix],
  );
  return again.length;
}
