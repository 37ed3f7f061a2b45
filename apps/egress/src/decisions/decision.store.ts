/** Decisions as rows. */

import { Injectable } from '@nestjs/common';
import { Store } from '@sallyport/store/store';

/** One decision; `reason` is empty when allowed. */
export interface Decision {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly run: string;
  readonly dispatch: string;
  readonly allowed: boolean;
  readonly reason: string;
  readonly target: string;
  readonly method: string;
  /** Name of the well-known update or telemetry call it was; empty for anything else. */
  readonly noise: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

@Injectable()
export class DecisionStore {
  constructor(private readonly store: Store) {}

  async add(decision: Decision): Promise<void> {
    const { id, org, environment, run, dispatch, allowed, reason, target, method, noise, at } = decision;
    await this.store.tx(org, (db) =>
      db.query(
        `INSERT INTO decision (id, org, environment, run, dispatch, allowed, reason, target, method, noise, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
        [id, org, environment, run, dispatch, allowed, reason, target, method, noise, at],
      ),
    );
  }

  async find(org: string, environment: string, id: string): Promise<Decision | undefined> {
    const [row] = await this.store.tx(org, (db) =>
      db.query<Decision>('SELECT * FROM decision WHERE id = $1 AND environment = $2', [id, environment]),
    );
    // Postgres gives a bigint as text.
    return row === undefined ? undefined : { ...row, at: Number(row.at) };
  }

  async deleteBefore(at: number): Promise<void> {
    await this.store.system((db) => db.query('DELETE FROM decision WHERE at < $1', [at]));
  }
}
