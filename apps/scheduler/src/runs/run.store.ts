/** Run and task rows. `move` is the only door to a new state: row, event, outbox and audit change together or not at all. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { runEvent } from '@sallyport/bus/subject';
import { RunEventSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import { enqueue, type OutboxRow } from '@sallyport/store/outbox';
import type { Db } from '@sallyport/store/store';
import type { Dispatch } from '../dispatches/dispatch.ts';
import { conflict } from '../faults.ts';
import { type RunMove, type RunStateName, runMachine } from './run.machine.ts';
import { type Ending, endingBytes, endingFrom, type RunRecord, runWire } from './run.ts';
import { type TaskMove, type TaskStateName, taskMachine } from './task.machine.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly role: string;
  readonly runner: string;
  readonly unit: Uint8Array;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
  readonly version: string;
  readonly seq: string;
  readonly created_at: string;
  readonly ended_at: string | null;
  readonly ending: Uint8Array | null;
  readonly task_id: string;
  readonly task_state: string;
}

/** As `select`, with a unit that has no attachments: a page of runs must not be a page of files. */
const selectOutline = `SELECT run.id, run.org, run.environment, run.subject, run.role, run.runner, coalesce(run.outline, run.unit) AS unit,
  run.state, run.reason, run.message, run.since, run.version, run.seq, run.created_at, run.ended_at, run.ending,
  task.id AS task_id, task.state AS task_state FROM run JOIN task ON task.run = run.id`;

const outlineBytes = ({ unit }: RunRecord): Buffer | null =>
  unit.attachments.length === 0 ? null : Buffer.from(toBinary(UnitSchema, { ...unit, attachments: [] }));

const select = 'SELECT run.*, task.id AS task_id, task.state AS task_state FROM run JOIN task ON task.run = run.id';

const runFrom = (row: Row): RunRecord => ({
  id: row.id,
  org: row.org,
  environment: row.environment,
  subject: row.subject,
  role: row.role,
  runner: row.runner,
  unit: fromBinary(UnitSchema, row.unit),
  state: row.state as RunStateName,
  reason: row.reason,
  message: row.message,
  since: Number(row.since),
  version: Number(row.version),
  seq: Number(row.seq),
  createdAt: Number(row.created_at),
  endedAt: row.ended_at === null ? undefined : Number(row.ended_at),
  ending: row.ending === null ? undefined : endingFrom(row.ending),
  task: { id: row.task_id, state: row.task_state as TaskStateName },
});

/** One step of a run, of its task, or of both. */
export interface RunChange {
  readonly run?: RunMove;
  readonly task?: readonly TaskMove[];
  /** Stable word. */
  readonly reason: string;
  /** Sentence for people; kept when absent. */
  readonly message?: string;
  readonly ending?: Ending;
}

export interface RunFilter {
  readonly environment: string;
  /** Empty means every state. */
  readonly states: readonly RunStateName[];
  /** Empty means every role. */
  readonly role: string;
  /** Only runs older than this id; empty means from the newest. */
  readonly before: string;
  readonly limit: number;
}

@Injectable()
export class RunStore {
  constructor(private readonly clock: Clock) {}

  async get(db: Db, environment: string, id: string): Promise<RunRecord | undefined> {
    const [row] = await db.query<Row>(`${select} WHERE run.id = $1 AND run.environment = $2`, [id, environment]);
    return row && runFrom(row);
  }

  /** The run, whatever its environment, locked until the transaction ends. */
  async lock(db: Db, id: string): Promise<RunRecord | undefined> {
    const [row] = await db.query<Row>(`${select} WHERE run.id = $1 FOR NO KEY UPDATE OF run`, [id]);
    return row && runFrom(row);
  }

  async find(db: Db, id: string): Promise<RunRecord | undefined> {
    const [row] = await db.query<Row>(`${select} WHERE run.id = $1`, [id]);
    return row && runFrom(row);
  }

  /** Newest first, without the attachments of their units. */
  async list(db: Db, filter: RunFilter): Promise<readonly RunRecord[]> {
    const rows = await db.query<Row>(
      `${selectOutline} WHERE run.environment = $1 AND (cardinality($2::text[]) = 0 OR run.state = ANY($2::text[])) AND ($3 = '' OR run.role = $3)
         AND ($4 = '' OR run.id < $4) ORDER BY run.id DESC LIMIT $5`,
      [filter.environment, filter.states, filter.role, filter.before, filter.limit],
    );
    return rows.map(runFrom);
  }

  /** Accepts a run: every row of it and what it tells, in one statement and its outbox. */
  async insert(db: Db, run: RunRecord, dispatch: Dispatch): Promise<void> {
    const event = this.#eventRow(run, dispatch);
    await db.query(
      `WITH the_run AS (
         INSERT INTO run (id, org, environment, subject, role, runner, unit, state, reason, message, since, version, seq, created_at, outline)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, 1, 1, $10, $28)
       ), the_task AS (
         INSERT INTO task (id, org, run, state, reason, since) VALUES ($11, $2, $1, $12, $9, $10)
       ), the_dispatch AS (
         INSERT INTO dispatch (id, org, run, attempt, state, reason, since, version, runner, profile, wish, epoch, offers, created_at, due_at,
           lease_until, ends_by, lifetime_ms, workload_seq, output_offset, edge)
         VALUES ($13, $2, $1, $14, $15, $26, $10, 1, $6, $16, 'run', $23, $24, $10, $17, $25, $18, $19, 0, $20, $27)
       )
       INSERT INTO run_event (run, seq, org, id, at, body) VALUES ($1, 1, $2, $21, $10, $22)`,
      [
        run.id,
        run.org,
        run.environment,
        run.subject,
        run.role,
        run.runner,
        Buffer.from(toBinary(UnitSchema, run.unit)),
        run.state,
        run.reason,
        run.since,
        run.task.id,
        run.task.state,
        dispatch.id,
        dispatch.attempt,
        dispatch.state,
        dispatch.profile,
        dispatch.dueAt,
        dispatch.endsBy,
        dispatch.lifetimeMs,
        dispatch.outputOffset,
        event.id,
        Buffer.from(event.payload),
        dispatch.epoch,
        dispatch.offers,
        dispatch.leaseUntil,
        dispatch.reason,
        dispatch.edge ?? null,
        outlineBytes(run),
      ],
    );
    await enqueue(db, [event, auditRow(transitionEvent('run.accepted', run, dispatch, { to: run.state }), this.clock)]);
  }

  /**
   * Takes one step.
   *
   * @throws Fault `aborted` / `scheduler.conflict` when the run is not at the version it was read at.
   */
  async move(db: Db, before: RunRecord, dispatch: Dispatch, change: RunChange): Promise<RunRecord> {
    const now = this.clock.now();
    const after = stepped(before, change, now);
    const event = this.#eventRow(after, dispatch);
    // One round trip: the task and the event follow the run only when its version was the one that was read.
    const moved = await db.query(
      `WITH moved AS (
         UPDATE run SET state = $3, reason = $4, message = $5, since = $6, ended_at = $7, ending = $8, version = version + 1, seq = seq + 1
         WHERE id = $1 AND version = $2 RETURNING id, org, seq
       ), the_task AS (
         UPDATE task SET state = $10, reason = $4, since = $9 FROM moved WHERE task.run = moved.id AND task.state <> $10
       ), the_event AS (
         INSERT INTO run_event (run, seq, org, id, at, body) SELECT id, seq, org, $11, $9, $12 FROM moved
       )
       SELECT id FROM moved`,
      [
        after.id,
        before.version,
        after.state,
        after.reason,
        after.message,
        after.since,
        after.endedAt ?? null,
        after.ending === undefined ? null : Buffer.from(endingBytes(after.ending)),
        now,
        after.task.state,
        event.id,
        Buffer.from(event.payload),
      ],
    );
    if (moved.length === 0) throw conflict(before.id);
    const facts = { from: before.state, to: after.state, task: after.task.state, reason: change.reason };
    await enqueue(db, [event, auditRow(transitionEvent('run.transition', after, dispatch, facts), this.clock)]);
    return after;
  }

  #eventRow(run: RunRecord, dispatch: Dispatch): OutboxRow {
    const now = this.clock.now();
    const id = newId('event', now);
    const event = create(RunEventSchema, {
      id,
      seq: BigInt(run.seq),
      at: timestampFromMs(now),
      run: runWire(run, dispatch),
    });
    return { id, org: run.org, subject: runEvent(run.org, run.id), payload: toBinary(RunEventSchema, event) };
  }
}

/** The record after a step; a move that the tables do not know is a fault of this service. */
function stepped(before: RunRecord, change: RunChange, now: number): RunRecord {
  const state = change.run === undefined ? before.state : runMachine.next(before.state, change.run);
  if (state === undefined) throw new Error(`run ${before.id} is ${before.state}: ${change.run} is no move of it`);
  const task = (change.task ?? []).reduce<TaskStateName>((from, move) => {
    const to = taskMachine.next(from, move);
    if (to === undefined) throw new Error(`task ${before.task.id} is ${from}: ${move} is no move of it`);
    return to;
  }, before.task.state);
  return {
    ...before,
    state,
    reason: change.reason,
    message: change.message ?? before.message,
    since: state === before.state ? before.since : now,
    version: before.version + 1,
    seq: before.seq + 1,
    endedAt: runMachine.isTerminal(state) ? now : undefined,
    ending: change.ending ?? before.ending,
    task: { ...before.task, state: task },
  };
}

const transitionEvent = (
  kind: 'run.accepted' | 'run.transition',
  run: RunRecord,
  dispatch: Dispatch,
  facts: Readonly<Record<string, string>>,
): EventInit => ({
  kind,
  org: run.org,
  environment: run.environment,
  subject: run.subject,
  run: run.id,
  dispatch: dispatch.id,
  resource: run.role === '' ? `runner/${run.runner}` : `role/${run.role}`,
  outcome: 'allow',
  facts: { ...facts, epoch: String(dispatch.epoch), seq: String(run.seq) },
});
