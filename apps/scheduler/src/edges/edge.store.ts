/** Edge rows. Edges serve every org, so they are read and written in system transactions. */

import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { RunnerDescriptionSchema } from '@sallyport/contracts/schedule/v1/schedule';
import type { Db } from '@sallyport/store/store';
import { conflict } from '../faults.ts';
import type { EdgeStateName } from './edge.machine.ts';
import type { Edge } from './edge.ts';

interface Row {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly since: string;
  readonly version: string;
  readonly runners: readonly string[];
  readonly profiles: readonly string[];
  readonly capacity: number;
  readonly seen_at: string;
  readonly descriptions: readonly JsonValue[];
}

const edgeFrom = (row: Row): Edge => ({
  id: row.id,
  state: row.state as EdgeStateName,
  reason: row.reason,
  since: Number(row.since),
  version: Number(row.version),
  runners: row.runners,
  profiles: row.profiles,
  capacity: row.capacity,
  seenAt: Number(row.seen_at),
  descriptions: row.descriptions.map((json) => fromJson(RunnerDescriptionSchema, json, { ignoreUnknownFields: true })),
});

const stored = ({ descriptions }: Edge): string =>
  JSON.stringify(descriptions.map((description) => toJson(RunnerDescriptionSchema, description)));

/** An edge that may take a dispatch, and how many it holds. */
export interface Place {
  readonly id: string;
  readonly capacity: number;
  readonly held: number;
}

export class EdgeStore {
  async lock(db: Db, id: string): Promise<Edge | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM edge WHERE id = $1 FOR NO KEY UPDATE', [id]);
    return row && edgeFrom(row);
  }

  /** Adds an edge; version 1. False when it was added meanwhile. */
  async add(db: Db, edge: Edge): Promise<boolean> {
    const rows = await db.query(
      `INSERT INTO edge (id, state, reason, since, version, runners, profiles, capacity, seen_at, descriptions) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9)
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      [
        edge.id,
        edge.state,
        edge.reason,
        edge.since,
        edge.runners,
        edge.profiles,
        edge.capacity,
        edge.seenAt,
        stored(edge),
      ],
    );
    return rows.length > 0;
  }

  async save(db: Db, edge: Edge): Promise<void> {
    const rows = await db.query(
      `UPDATE edge SET state = $3, reason = $4, since = $5, runners = $6, profiles = $7, capacity = $8, seen_at = $9, descriptions = $10, version = version + 1
       WHERE id = $1 AND version = $2 RETURNING id`,
      [
        edge.id,
        edge.version,
        edge.state,
        edge.reason,
        edge.since,
        edge.runners,
        edge.profiles,
        edge.capacity,
        edge.seenAt,
        stored(edge),
      ],
    );
    if (rows.length === 0) throw conflict(edge.id);
  }

  /** Active edges that were heard since a time and can run this, locked so that nobody else fills them; least loaded first. */
  async places(db: Db, runner: string, profile: string, heardSince: number): Promise<readonly Place[]> {
    const rows = await db.query<Place & { held: string | number }>(
      `SELECT id, capacity, (SELECT count(*)::int FROM dispatch WHERE dispatch.edge = edge.id AND dispatch.state IN ('leased', 'started')) AS held
       FROM edge WHERE state = 'active' AND seen_at > $1 AND $2 = ANY(runners) AND $3 = ANY(profiles) ORDER BY id FOR NO KEY UPDATE`,
      [heardSince, runner, profile],
    );
    return rows.toSorted((a, b) => a.held / a.capacity - b.held / b.capacity);
  }

  /** The least loaded edge that could take one more as it looks now, or undefined. Nothing is locked; `holdRoom` makes sure. */
  async placeFor(db: Db, runner: string, profile: string, heardSince: number): Promise<string | undefined> {
    const [row] = await db.query<{ id: string }>(
      `SELECT id FROM (
         SELECT id, capacity, (SELECT count(*) FROM dispatch WHERE dispatch.edge = edge.id AND dispatch.state IN ('leased', 'started')) AS held
         FROM edge WHERE state = 'active' AND seen_at > $1 AND $2 = ANY(runners) AND $3 = ANY(profiles)
       ) place WHERE held < capacity ORDER BY held::float / capacity, id LIMIT 1`,
      [heardSince, runner, profile],
    );
    return row?.id;
  }

  /** Whether an edge has room, and keeps it from anybody else until the transaction ends. */
  async holdRoom(db: Db, id: string): Promise<boolean> {
    const [edge] = await db.query<{ capacity: number }>(
      `SELECT capacity FROM edge WHERE id = $1 AND state = 'active' FOR NO KEY UPDATE`,
      [id],
    );
    if (edge === undefined) return false;
    // Counted after the lock is held: what another transaction placed there meanwhile is seen.
    const [held] = await db.query<{ held: number }>(
      `SELECT count(*)::int AS held FROM dispatch WHERE edge = $1 AND state IN ('leased', 'started')`,
      [id],
    );
    return (held?.held ?? 0) < edge.capacity;
  }

  /** How many more dispatches the edges heard since a time could take in all. */
  async room(db: Db, heardSince: number): Promise<number> {
    const [row] = await db.query<{ room: number }>(
      `SELECT coalesce(sum(greatest(0, capacity - (SELECT count(*) FROM dispatch WHERE dispatch.edge = edge.id AND dispatch.state IN ('leased', 'started')))), 0)::int AS room
       FROM edge WHERE state = 'active' AND seen_at > $1`,
      [heardSince],
    );
    return row?.room ?? 0;
  }

  /** Active edges heard since a time, by name. */
  async heard(db: Db, heardSince: number): Promise<readonly Edge[]> {
    const rows = await db.query<Row>(`SELECT * FROM edge WHERE state = 'active' AND seen_at > $1 ORDER BY id`, [
      heardSince,
    ]);
    return rows.map(edgeFrom);
  }

  /** Edges not heard since a time that do not yet count as gone. */
  async silent(db: Db, heardBefore: number): Promise<readonly Edge[]> {
    const rows = await db.query<Row>(
      `SELECT * FROM edge WHERE state <> 'gone' AND seen_at <= $1 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED`,
      [heardBefore],
    );
    return rows.map(edgeFrom);
  }
}
