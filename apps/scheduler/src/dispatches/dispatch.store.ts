/** Dispatch rows. */

import type { Db } from '@sallyport/store/store';
import { conflict } from '../faults.ts';
import type { DispatchStateName } from './dispatch.machine.ts';
import type { Dispatch } from './dispatch.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly run: string;
  readonly attempt: number;
  readonly state: string;
  readonly reason: string;
  readonly since: string;
  readonly version: string;
  readonly runner: string;
  readonly profile: string;
  readonly wish: string;
  readonly why: string;
  readonly epoch: string;
  readonly edge: string | null;
  readonly offers: number;
  readonly created_at: string;
  readonly due_at: string;
  readonly lease_until: string;
  readonly ends_by: string;
  readonly lifetime_ms: string;
  readonly troubled_since: string | null;
  readonly workload_seq: string;
  readonly output_offset: string;
  readonly waiting: boolean;
  readonly input_at: string | null;
}

export const dispatchFrom = (row: Row): Dispatch => ({
  id: row.id,
  org: row.org,
  run: row.run,
  attempt: row.attempt,
  state: row.state as DispatchStateName,
  reason: row.reason,
  since: Number(row.since),
  version: Number(row.version),
  runner: row.runner,
  profile: row.profile,
  wish: row.wish as Dispatch['wish'],
  why: row.why,
  epoch: Number(row.epoch),
  edge: row.edge ?? undefined,
  offers: row.offers,
  createdAt: Number(row.created_at),
  dueAt: Number(row.due_at),
  leaseUntil: Number(row.lease_until),
  endsBy: Number(row.ends_by),
  lifetimeMs: Number(row.lifetime_ms),
  troubledSince: row.troubled_since === null ? undefined : Number(row.troubled_since),
  workloadSeq: Number(row.workload_seq),
  outputOffset: Number(row.output_offset),
  waiting: row.waiting,
  inputAt: row.input_at === null ? undefined : Number(row.input_at),
});

export class DispatchStore {
  /** The dispatch, locked until the transaction ends. */
  async lock(db: Db, id: string): Promise<Dispatch | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM dispatch WHERE id = $1 FOR NO KEY UPDATE', [id]);
    return row && dispatchFrom(row);
  }

  /** Several at once, locked in the order of their ids. */
  async lockAll(db: Db, ids: readonly string[]): Promise<readonly Dispatch[]> {
    const rows = await db.query<Row>(
      'SELECT * FROM dispatch WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE',
      [ids],
    );
    return rows.map(dispatchFrom);
  }

  async get(db: Db, id: string): Promise<Dispatch | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM dispatch WHERE id = $1', [id]);
    return row && dispatchFrom(row);
  }

  /** Latest dispatch of a run, locked until the transaction ends. */
  async lockOfRun(db: Db, run: string): Promise<Dispatch | undefined> {
    const [row] = await db.query<Row>(
      'SELECT * FROM dispatch WHERE run = $1 ORDER BY attempt DESC LIMIT 1 FOR NO KEY UPDATE',
      [run],
    );
    return row && dispatchFrom(row);
  }

  /** Latest dispatch of each run, by run. */
  async latestOf(db: Db, runs: readonly string[]): Promise<ReadonlyMap<string, Dispatch>> {
    const rows = await db.query<Row>(
      'SELECT DISTINCT ON (run) * FROM dispatch WHERE run = ANY($1::text[]) ORDER BY run, attempt DESC',
      [runs],
    );
    return new Map(rows.map((row) => [row.run, dispatchFrom(row)]));
  }

  /**
   * Writes what the pure moves answered, if the row is still the one they were made from.
   *
   * @throws Fault `aborted` / `scheduler.conflict` when it is not.
   */
  async save(db: Db, dispatch: Dispatch): Promise<Dispatch> {
    const saved = await this.saveWithin(db, dispatch, undefined);
    if (saved === undefined) throw conflict(dispatch.id);
    return saved;
  }

  /** As `save`, but only while the edge has room: the count and the write are one statement. Undefined when it has none. */
  async saveWithin(db: Db, dispatch: Dispatch, capacity: number | undefined): Promise<Dispatch | undefined> {
    const [row] = await db.query<Row>(
      `UPDATE dispatch SET state = $3, reason = $4, since = $5, wish = $6, epoch = $7, edge = $8, offers = $9, due_at = $10,
         lease_until = $11, ends_by = $12, troubled_since = $13, workload_seq = $14, why = $16, version = version + 1
       WHERE id = $1 AND version = $2
         AND ($15::int IS NULL OR (SELECT count(*) FROM dispatch held WHERE held.edge = $8 AND held.state IN ('leased', 'started')) < $15)
       RETURNING *`,
      [
        dispatch.id,
        dispatch.version,
        dispatch.state,
        dispatch.reason,
        dispatch.since,
        dispatch.wish,
        dispatch.epoch,
        dispatch.edge ?? null,
        dispatch.offers,
        dispatch.dueAt,
        dispatch.leaseUntil,
        dispatch.endsBy,
        dispatch.troubledSince ?? null,
        dispatch.workloadSeq,
        capacity ?? null,
        dispatch.why,
      ],
    );
    return row && dispatchFrom(row);
  }

  /**
   * Dispatches that are due, most overdue first; each is claimed by putting its next attention off, so that replicas do not work on the same
   * one and a claim whose worker dies comes back by itself. A claim may be lost with a crash of the database: it is due again, and who
   * held the claim finds that the row is not at the version it was read at.
   */
  async claimDue(db: Db, now: number, claimMs: number, limit: number): Promise<readonly Dispatch[]> {
    const rows = await db.query<Row>(
      `WITH due AS (
         SELECT id FROM dispatch WHERE state <> 'ended' AND due_at <= $1 ORDER BY due_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
       )
       UPDATE dispatch SET due_at = $1::bigint + $2::bigint, version = version + 1 FROM due WHERE dispatch.id = due.id RETURNING dispatch.*`,
      [now, claimMs, limit],
    );
    return rows.map(dispatchFrom);
  }

  /** Makes everything that waits in the queue due at once: an edge has come. */
  async wakeQueued(db: Db, now: number): Promise<void> {
    await db.query(
      `UPDATE dispatch SET due_at = $1, version = version + 1 WHERE id IN (
         SELECT id FROM dispatch WHERE state = 'queued' AND offers > 0 AND due_at > $1 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
       )`,
      [now],
    );
  }

  /** Makes the oldest dispatches that wait for room, and that an edge heard since a time would take, due at once. */
  async wakeWaiting(db: Db, now: number, heardSince: number, limit: number): Promise<number> {
    if (limit <= 0) return 0;
    const rows = await db.query(
      `UPDATE dispatch SET due_at = $1, version = version + 1 WHERE id IN (
         SELECT id FROM dispatch WHERE state = 'queued' AND reason IN ('no_capacity', 'no_edge') AND due_at > $1
           AND EXISTS (SELECT 1 FROM edge WHERE edge.state = 'active' AND edge.seen_at > $2
             AND dispatch.runner = ANY(edge.runners) AND dispatch.profile = ANY(edge.profiles))
         ORDER BY created_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
       ) RETURNING id`,
      [now, heardSince, limit],
    );
    return rows.length;
  }
}
