/** Input rows: in the order they were said, each once, until the agent's own output says that it took them. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Input, InputSchema } from '@sallyport/contracts/unit/v1/input';
import type { Db } from '@sallyport/store/store';

interface Row {
  readonly run: string;
  readonly id: string;
  readonly org: string;
  readonly position: string;
  readonly body: Uint8Array;
  readonly tries: number;
}

/** One input on its way to an edge. */
export interface Delivery {
  readonly org: string;
  readonly input: Input;
  /** Tries so far, this one included. */
  readonly tries: number;
}

export interface Backlog {
  /** Inputs said so far. */
  readonly said: number;
  /** Those that the agent has not taken. */
  readonly open: number;
}

export class InputStore {
  async get(db: Db, run: string, id: string): Promise<Input | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM run_input WHERE run = $1 AND id = $2', [run, id]);
    return row && fromBinary(InputSchema, row.body);
  }

  async backlog(db: Db, run: string): Promise<Backlog> {
    const [row] = await db.query<{ said: string | null; open: string }>(
      `SELECT (SELECT max(position) FROM run_input WHERE run = $1) AS said,
         (SELECT count(*) FROM run_input WHERE run = $1 AND state IN ('waiting', 'held')) AS open`,
      [run],
    );
    return { said: Number(row?.said ?? 0), open: Number(row?.open ?? 0) };
  }

  /** Adds one behind the others; the run must be locked by the transaction. */
  async add(db: Db, input: Input, position: number, now: number): Promise<void> {
    await db.query(
      `INSERT INTO run_input (run, id, org, position, state, reason, since, body, due_at, tries)
       VALUES ($1, $2, $3, $4, 'waiting', 'accepted', $5, $6, $5, 0)`,
      [input.run, input.id, input.org, position, now, Buffer.from(toBinary(InputSchema, input))],
    );
  }

  /** Runs whose next input is due and whose dispatch an edge holds. */
  async due(db: Db, now: number, limit: number): Promise<readonly { readonly org: string; readonly run: string }[]> {
    return db.query<{ org: string; run: string }>(
      `SELECT DISTINCT run_input.org, run_input.run FROM run_input JOIN dispatch ON dispatch.run = run_input.run AND dispatch.state = 'started'
       WHERE run_input.state = 'waiting' AND run_input.due_at <= $1 LIMIT $2`,
      [now, limit],
    );
  }

  /**
   * The run's next input, claimed for a time: what stands behind it waits until it is delivered, so that replicas keep the order. Undefined
   * when there is none, somebody else carries it, or no edge holds the run's dispatch.
   */
  async claimNext(db: Db, run: string, now: number, claimMs: number): Promise<Delivery | undefined> {
    const [row] = await db.query<Row & { readonly dispatch: string }>(
      `WITH next AS (
         SELECT run, id FROM run_input WHERE run = $1 AND state = 'waiting' ORDER BY position LIMIT 1 FOR NO KEY UPDATE
       )
       UPDATE run_input SET due_at = $2::bigint + $3::bigint, tries = tries + 1 FROM next, dispatch
       WHERE run_input.run = next.run AND run_input.id = next.id AND run_input.due_at <= $2
         AND dispatch.run = next.run AND dispatch.state = 'started'
       RETURNING run_input.*, dispatch.id AS dispatch`,
      [run, now, claimMs],
    );
    if (row === undefined) return undefined;
    const input = create(InputSchema, { ...fromBinary(InputSchema, row.body), dispatch: row.dispatch });
    return { org: row.org, input, tries: row.tries };
  }

  /** The edge's receipt: it holds the input, or never will. */
  async received(db: Db, run: string, id: string, refused: string, now: number): Promise<void> {
    await db.query(
      `UPDATE run_input SET state = CASE WHEN $3 = '' THEN 'held' ELSE 'ended' END, reason = CASE WHEN $3 = '' THEN 'held' ELSE $3 END, since = $4
       WHERE run = $1 AND id = $2 AND state = 'waiting'`,
      [run, id, refused, now],
    );
  }

  async postpone(db: Db, run: string, id: string, until: number): Promise<void> {
    await db.query(`UPDATE run_input SET due_at = $3 WHERE run = $1 AND id = $2 AND state = 'waiting'`, [
      run,
      id,
      until,
    ]);
  }

  /** What the dispatch's output says of its inputs. */
  async settle(db: Db, run: string, taken: readonly string[], ended: readonly string[], now: number): Promise<void> {
    await db.query(
      `UPDATE run_input SET state = CASE WHEN id = ANY($3::text[]) THEN 'ended' ELSE 'taken' END,
         reason = CASE WHEN id = ANY($3::text[]) THEN 'ended' ELSE 'taken' END, since = $4
       WHERE run = $1 AND (id = ANY($3::text[]) AND state <> 'ended' OR id = ANY($2::text[]) AND state IN ('waiting', 'held'))`,
      [run, taken, ended, now],
    );
  }

  /** Nothing of a run that is over is delivered any more. */
  async lapse(db: Db, run: string, now: number): Promise<void> {
    await db.query(
      `UPDATE run_input SET state = 'lapsed', reason = 'run_over', since = $2 WHERE run = $1 AND state IN ('waiting', 'held', 'taken')`,
      [run, now],
    );
  }
}
