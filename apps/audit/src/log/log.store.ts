/** The log's tables. Every statement only reads or inserts. */

import type { Db } from '@sallyport/store/store';

/** An event with its place, ready to be stored. */
export interface PlacedEvent {
  readonly id: string;
  readonly environment: string;
  readonly kind: string;
  readonly run: string;
  readonly leaf: Buffer;
  readonly canonical: string;
}

/** A signed tree head, with the frontier that leads on from it. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly root: Buffer;
  readonly frontier: Buffer;
  readonly note: string;
}

/** One as it is stored. */
export interface KeptCheckpoint extends StoredCheckpoint {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a writer believes to be the end of the log. */
export interface Expected {
  readonly size: number;
  readonly lastLeaf: Buffer | undefined;
  readonly signedRoot: Buffer;
}

export const eventsPerRead = 5_000;

/** Verifier key of an org's log; the first to ask settles it. */
export async function claimLog(db: Db, org: string, vkey: string): Promise<string> {
  await db.query('INSERT INTO log (org, vkey) VALUES ($1, $2) ON CONFLICT (org) DO NOTHING', [org, vkey]);
  const [row] = await db.query<{ vkey: string }>('SELECT vkey FROM log WHERE org = $1', [org]);
  return row?.vkey ?? '';
}

/** Every org that has a log. */
export const listLogs = (db: Db): Promise<{ org: string }[]> => db.query('SELECT org FROM log ORDER BY org');

/** Stored events from a place on, in order. */
export async function readEvents(
  db: Db,
  org: string,
  from: number,
  limit: number,
): Promise<{ seq: number; leaf: Buffer; canonical: string }[]> {
  const rows = await db.query<{ seq: string; leaf: Buffer; canonical: string }>(
    'SELECT seq, leaf_hash AS leaf, canonical FROM event WHERE org = $1 AND seq >= $2 ORDER BY seq LIMIT $3',
    [org, from, limit],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Leaf hashes from a place on, in order. */
export async function readLeaves(db: Db, org: string, from: number, limit: number): Promise<Buffer[]> {
  const rows = await db.query<{ leaf: Buffer }>(
    'SELECT leaf_hash AS leaf FROM event WHERE org = $1 AND seq >= $2 ORDER BY seq LIMIT $3',
    [org, from, limit],
  );
  return rows.map((row) => row.leaf);
}

/** Checkpoints of at least a size, ascending. */
export async function readCheckpoints(db: Db, org: string, from: number, to: number): Promise<KeptCheckpoint[]> {
  const rows = await db.query<Omit<KeptCheckpoint, 'size' | 'at'> & { size: string; at: Date }>(
    'SELECT size, root, frontier, note, at FROM checkpoint WHERE org = $1 AND size >= $2 AND size <= $3 ORDER BY size',
    [org, from, to],
  );
  return rows.map((row) => ({ ...row, size: Number(row.size), at: row.at.getTime() }));
}

/** Canonical texts of the events that are stored under any of these ids. */
export async function readByIds(db: Db, org: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ id: string; canonical: string }>(
    'SELECT id, canonical FROM event WHERE org = $1 AND id = ANY($2::text[])',
    [org, ids],
  );
  return new Map(rows.map((row) => [row.id, row.canonical]));
}

/**
 * Stores events at the end of the log, and a checkpoint with them when one is given.
 *
 * An answer means that the database flushed it: a cluster that is set to answer earlier is overruled for the transaction.
 * Inserts nothing and answers false when the log does not end as expected. Another writer in the same place breaks a unique
 * constraint instead.
 */
export async function insertEvents(
  db: Db,
  org: string,
  expected: Expected,
  events: readonly PlacedEvent[],
  checkpoint: StoredCheckpoint | undefined,
): Promise<boolean> {
  const [row] = await db.query<{ stored: string; signed: string }>(
    `WITH fits AS (
       SELECT CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END
       WHERE ($2::bigint = 0 OR EXISTS (SELECT 1 FROM event WHERE org = $1 AND seq = $2::bigint - 1 AND leaf_hash = $3))
         AND (SELECT root FROM checkpoint WHERE org = $1 ORDER BY size DESC LIMIT 1) = $4
     ), stored AS (
       INSERT INTO event (org, seq, id, environment, kind, run, leaf_hash, canonical)
       SELECT $1, $2::bigint + place - 1, id, environment, kind, run, decode(leaf, 'hex'), canonical
       FROM fits, unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
         WITH ORDINALITY AS given (id, environment, kind, run, leaf, canonical, place)
       RETURNING 1
     ), signed AS (
       INSERT INTO checkpoint (org, size, root, frontier, note)
       SELECT $1, $11::bigint, $12::bytea, $13::bytea, $14::text FROM fits WHERE $11::bigint IS NOT NULL
       RETURNING 1
     )
     SELECT (SELECT count(*) FROM stored) AS stored, (SELECT count(*) FROM signed) AS signed`,
    [
      org,
      expected.size,
      expected.lastLeaf ?? null,
      expected.signedRoot,
      events.map((event) => event.id),
      events.map((event) => event.environment),
      events.map((event) => event.kind),
      events.map((event) => event.run),
      events.map((event) => event.leaf.toString('hex')),
      events.map((event) => event.canonical),
      checkpoint?.size ?? null,
      checkpoint?.root ?? null,
      checkpoint?.frontier ?? null,
      checkpoint?.note ?? null,
    ],
  );
  return Number(row?.stored) === events.length && Number(row?.signed) === (checkpoint === undefined ? 0 : 1);
}

/** The checkpoint of an empty log. */
export const insertFirstCheckpoint = (db: Db, org: string, first: StoredCheckpoint): Promise<unknown> =>
  db.query(
    'INSERT INTO checkpoint (org, size, root, frontier, note) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org, size) DO NOTHING',
    [org, first.size, first.root, first.frontier, first.note],
  );
