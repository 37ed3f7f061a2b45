/** Rows of events. The unique index over org, environment and print decides which of two senders was first. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@sallyport/contracts/schedule/v1/trigger';
import type { Db } from '@sallyport/store/store';
import { cloudFrom, dedupeMs, eventWire, printOf, type StoredEvent } from './event.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly body: Uint8Array;
  readonly data: Uint8Array;
  readonly received_at: string;
  readonly matched_at: string | null;
}

/** An event that somebody works on until its lease is over. */
export interface ClaimedEvent {
  readonly event: StoredEvent;
  readonly tries: number;
}

const columns = 'id, org, environment, body, data, received_at, matched_at';

function eventFrom(row: Row): StoredEvent {
  const body = fromBinary(EventSchema, row.body);
  return {
    id: row.id,
    org: row.org,
    environment: row.environment,
    producer: body.producer,
    cloud: cloudFrom({ ...body, data: row.data }),
    receivedAt: Number(row.received_at),
    matchedAt: row.matched_at === null ? undefined : Number(row.matched_at),
  };
}

const bodyOf = (event: StoredEvent): Buffer =>
  Buffer.from(toBinary(EventSchema, create(EventSchema, { ...eventWire(event), data: new Uint8Array() })));

export class EventStore {
  /** Adds an event; false when the same source and id came within the week before. */
  async insert(db: Db, event: StoredEvent, dueAt: number): Promise<boolean> {
    const key = [event.org, event.environment, printOf(event.cloud)];
    await db.query('DELETE FROM event WHERE org = $1 AND environment = $2 AND print = $3 AND received_at <= $4', [
      ...key,
      event.receivedAt - dedupeMs,
    ]);
    const added = await db.query(
      `INSERT INTO event (org, environment, print, id, type, body, data, received_at, due_at, tries)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT (org, environment, print) DO NOTHING RETURNING id`,
      [...key, event.id, event.cloud.type, bodyOf(event), Buffer.from(event.cloud.data), event.receivedAt, dueAt],
    );
    return added.length > 0;
  }

  /** The event that has this source and id. */
  async like(db: Db, event: Pick<StoredEvent, 'org' | 'environment' | 'cloud'>): Promise<StoredEvent | undefined> {
    const [row] = await db.query<Row>(
      `SELECT ${columns} FROM event WHERE org = $1 AND environment = $2 AND print = $3`,
      [event.org, event.environment, printOf(event.cloud)],
    );
    return row && eventFrom(row);
  }

  async get(db: Db, environment: string, id: string): Promise<StoredEvent | undefined> {
    const [row] = await db.query<Row>(`SELECT ${columns} FROM event WHERE environment = $1 AND id = $2`, [
      environment,
      id,
    ]);
    return row && eventFrom(row);
  }

  /** Newest first, without their data. */
  async list(
    db: Db,
    filter: { readonly environment: string; readonly type: string; readonly before: string; readonly limit: number },
  ): Promise<readonly StoredEvent[]> {
    const rows = await db.query<Row>(
      `SELECT id, org, environment, body, ''::bytea AS data, received_at, matched_at FROM event
       WHERE environment = $1 AND ($2 = '' OR type = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`,
      [filter.environment, filter.type, filter.before, filter.limit],
    );
    return rows.map(eventFrom);
  }

  /** Whether an environment has so many events that nobody has looked at. */
  async isFull(db: Db, org: string, environment: string, most: number): Promise<boolean> {
    const rows = await db.query(
      'SELECT 1 FROM event WHERE org = $1 AND environment = $2 AND matched_at IS NULL OFFSET $3 LIMIT 1',
      [org, environment, most - 1],
    );
    return rows.length > 0;
  }

  /** The event that is due first of orgs that are not `passed` over, put off until whoever takes it must be done. */
  async claim(db: Db, now: number, leaseMs: number, passed: readonly string[]): Promise<ClaimedEvent | undefined> {
    const [row] = await db.query<Row & { readonly tries: number }>(
      `WITH due AS (
         SELECT id FROM event WHERE matched_at IS NULL AND due_at <= $1 AND org <> ALL ($3::text[])
         ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
       )
       UPDATE event SET due_at = $1::bigint + $2::bigint, tries = tries + 1 FROM due WHERE event.id = due.id
       RETURNING ${columns
         .split(', ')
         .map((column) => `event.${column}`)
         .join(', ')}, event.tries`,
      [now, leaseMs, passed],
    );
    return row && { event: eventFrom(row), tries: row.tries };
  }

  async postpone(db: Db, id: string, until: number): Promise<void> {
    await db.query('UPDATE event SET due_at = $2 WHERE id = $1 AND matched_at IS NULL', [id, until]);
  }

  /** Every one who wants it has a firing; false when that was noted before. */
  async matched(db: Db, id: string, now: number): Promise<boolean> {
    const rows = await db.query('UPDATE event SET matched_at = $2 WHERE id = $1 AND matched_at IS NULL RETURNING id', [
      id,
      now,
    ]);
    return rows.length > 0;
  }

  /** Removes some of those whose week is over; answers how many. */
  async forget(db: Db, now: number, limit: number): Promise<number> {
    const rows = await db.query(
      `DELETE FROM event WHERE id IN (
         SELECT id FROM event WHERE received_at <= $1 AND matched_at IS NOT NULL ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
       ) RETURNING id`,
      [now - dedupeMs, limit],
    );
    return rows.length;
  }
}
