/** Firing rows. The unique key of (trigger, key) is what makes a fire time or an event fire once. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { byteaArray } from '@sallyport/store/bytea-array';
import type { Db } from '@sallyport/store/store';
import { runMachine } from '../runs/run.machine.ts';
import type { FiringStateName } from './firing.machine.ts';
import type { Firing, NamedFiring, ShownFiring } from './firing.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly trigger_id: string;
  readonly key: string;
  readonly state: string;
  readonly reason: string;
  readonly due_at: string;
  readonly made_at: string;
  readonly decided_at: string | null;
  readonly event: string;
  readonly run: string;
  readonly unit: Uint8Array | null;
  readonly spec_hash: string;
  readonly attachments: Uint8Array | null;
  readonly open: boolean;
  readonly lease_until: string;
  readonly tries: number;
}

const firingFrom = (row: Row): Firing => ({
  id: row.id,
  org: row.org,
  environment: row.environment,
  trigger: row.trigger_id,
  key: row.key,
  state: row.state as FiringStateName,
  reason: row.reason,
  dueAt: Number(row.due_at),
  madeAt: Number(row.made_at),
  decidedAt: row.decided_at === null ? undefined : Number(row.decided_at),
  event: row.event,
  run: row.run,
  unit: row.unit === null ? undefined : fromBinary(UnitSchema, row.unit),
  specHash: row.spec_hash,
  attachments: row.attachments === null ? [] : fromBinary(UnitSchema, row.attachments).attachments,
  open: row.open,
  leaseUntil: Number(row.lease_until),
  tries: row.tries,
});

const shown = 'id, trigger_id, state, reason, due_at, decided_at, event, run';

type ShownRow = Pick<Row, 'id' | 'trigger_id' | 'state' | 'reason' | 'due_at' | 'decided_at' | 'event' | 'run'>;

const shownFrom = (row: ShownRow): ShownFiring => ({
  id: row.id,
  trigger: row.trigger_id,
  state: row.state as FiringStateName,
  reason: row.reason,
  dueAt: Number(row.due_at),
  decidedAt: row.decided_at === null ? undefined : Number(row.decided_at),
  event: row.event,
  run: row.run,
});

/** For how long it can be seen what became of a firing. */
const historyMs = 90 * 24 * 60 * 60 * 1000;

const unitBytes = (unit: Unit | undefined): Buffer | null =>
  unit === undefined ? null : Buffer.from(toBinary(UnitSchema, unit));

const attachmentBytes = ({ attachments }: Firing): Buffer | null =>
  attachments.length === 0 ? null : unitBytes(create(UnitSchema, { attachments: [...attachments] }));

const ended: readonly string[] = runMachine.states.filter((state) => runMachine.isTerminal(state));

/** A firing that is not over, and whether its run is. */
export interface OpenFiring {
  readonly id: string;
  readonly trigger: string;
  readonly state: FiringStateName;
  readonly run: string;
  readonly over: boolean;
}

export class FiringStore {
  async get(db: Db, id: string): Promise<Firing | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM firing WHERE id = $1', [id]);
    return row && firingFrom(row);
  }

  /** The firing, locked until the transaction ends. */
  async lock(db: Db, id: string): Promise<Firing | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM firing WHERE id = $1 FOR NO KEY UPDATE', [id]);
    return row && firingFrom(row);
  }

  /** Firings that are there for these keys already, by trigger and key. */
  async existing(
    db: Db,
    wanted: readonly { readonly trigger: string; readonly key: string }[],
  ): Promise<readonly Firing[]> {
    const rows = await db.query<Row>(
      `SELECT firing.* FROM unnest($1::text[], $2::text[]) AS w (trigger_id, key)
       JOIN firing ON firing.trigger_id = w.trigger_id AND firing.key = w.key`,
      [wanted.map(({ trigger }) => trigger), wanted.map(({ key }) => key)],
    );
    return rows.map(firingFrom);
  }

  /** What of these triggers is not over. Firings whose run has ended are closed on the way. */
  async openOf(db: Db, triggers: readonly string[]): Promise<readonly OpenFiring[]> {
    const rows = await db.query<OpenFiring>(
      `SELECT firing.id, firing.trigger_id AS trigger, firing.state, firing.run, coalesce(run.state = ANY($2::text[]), false) AS over
       FROM firing LEFT JOIN run ON run.id = firing.run AND firing.state = 'started' WHERE firing.trigger_id = ANY($1::text[]) AND firing.open`,
      [triggers, ended],
    );
    const over = rows.filter((row) => row.over).map((row) => row.id);
    if (over.length > 0) await db.query('UPDATE firing SET open = false WHERE id = ANY($1::text[])', [over]);
    return rows.filter((row) => !row.over);
  }

  /** Adds firings whose trigger rows are locked by the transaction. */
  async insert(db: Db, firings: readonly Firing[]): Promise<void> {
    if (firings.length === 0) return;
    await db.query(
      `INSERT INTO firing (id, org, environment, trigger_id, key, state, reason, due_at, made_at, decided_at, event, run, unit, spec_hash,
         attachments, open, lease_until, tries)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
         $10::bigint[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::bytea[], $16::boolean[], $17::bigint[], $18::int[])`,
      [
        firings.map(({ id }) => id),
        firings.map(({ org }) => org),
        firings.map(({ environment }) => environment),
        firings.map(({ trigger }) => trigger),
        firings.map(({ key }) => key),
        firings.map(({ state }) => state),
        firings.map(({ reason }) => reason),
        firings.map(({ dueAt }) => dueAt),
        firings.map(({ madeAt }) => madeAt),
        firings.map(({ decidedAt }) => decidedAt ?? null),
        firings.map(({ event }) => event),
        firings.map(({ run }) => run),
        byteaArray(firings.map(({ unit }) => unitBytes(unit))),
        firings.map(({ specHash }) => specHash),
        byteaArray(firings.map(attachmentBytes)),
        firings.map(({ open }) => open),
        firings.map(({ leaseUntil }) => leaseUntil),
        firings.map(({ tries }) => tries),
      ],
    );
  }

  /** Writes what a pure move answered about a firing that the transaction has locked, itself or by its trigger. */
  async save(db: Db, firing: Firing): Promise<void> {
    await db.query(
      `UPDATE firing SET state = $2, reason = $3, decided_at = $4, run = $5, unit = $6, spec_hash = $7, open = $8, lease_until = $9, tries = $10,
         attachments = $11
       WHERE id = $1`,
      [
        firing.id,
        firing.state,
        firing.reason,
        firing.decidedAt ?? null,
        firing.run,
        unitBytes(firing.unit),
        firing.specHash,
        firing.open,
        firing.leaseUntil,
        firing.tries,
        attachmentBytes(firing),
      ],
    );
  }

  /** Firings that are to be started and that nobody works on, or nobody any more, each taken under a new lease. */
  async claim(db: Db, now: number, leaseMs: number, limit: number): Promise<readonly Firing[]> {
    const rows = await db.query<Row>(
      `WITH due AS (
         SELECT id FROM firing WHERE state = 'deciding' AND lease_until <= $1 ORDER BY lease_until LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
       )
       UPDATE firing SET lease_until = $1::bigint + $2::bigint, tries = tries + 1 FROM due WHERE firing.id = due.id RETURNING firing.*`,
      [now, leaseMs, limit],
    );
    return rows.map(firingFrom);
  }

  /** Firings that wait, oldest first, behind the given id. */
  waiting(db: Db, after: string, limit: number): Promise<readonly NamedFiring[]> {
    return db.query<NamedFiring>(
      `SELECT id, org, trigger_id AS trigger FROM firing WHERE state = 'queued' AND id > $1 ORDER BY id LIMIT $2`,
      [after, limit],
    );
  }

  /** History of a trigger, latest due first; `before` is the last firing of the page before. */
  async list(
    db: Db,
    filter: { readonly trigger: string; readonly before: string; readonly limit: number },
  ): Promise<readonly ShownFiring[]> {
    const rows = await db.query<ShownRow>(
      `SELECT ${shown} FROM firing WHERE trigger_id = $1 AND ($2 = '' OR (due_at, id) < (SELECT due_at, id FROM firing WHERE id = $2 AND trigger_id = $1))
       ORDER BY due_at DESC, id DESC LIMIT $3`,
      [filter.trigger, filter.before, filter.limit],
    );
    return rows.map(shownFrom);
  }

  /** What an event caused. */
  async ofEvents(db: Db, events: readonly string[]): Promise<readonly ShownFiring[]> {
    if (events.length === 0) return [];
    const rows = await db.query<ShownRow>(`SELECT ${shown} FROM firing WHERE event = ANY($1::text[]) ORDER BY id`, [
      events,
    ]);
    return rows.map(shownFrom);
  }

  /** Removes some of those that are over and that nobody looks back at any more. */
  async forget(db: Db, now: number, limit: number): Promise<void> {
    await db.query(
      `DELETE FROM firing WHERE id IN (
         SELECT id FROM firing WHERE made_at <= $1 AND NOT open ORDER BY made_at LIMIT $2 FOR UPDATE SKIP LOCKED
       )`,
      [now - historyMs, limit],
    );
  }
}
