/** Idempotency keys: which run a principal's key stands for, for 24 hours. The primary key decides races. */

import type { Db } from '@sallyport/store/store';

export const idempotencyMs = 24 * 60 * 60 * 1000;

export interface IdempotencyKey {
  readonly org: string;
  readonly principal: string;
  readonly key: string;
}

export interface Remembered {
  readonly run: string;
  /** Canonical hash of what was asked. */
  readonly content: string;
}

export class IdempotencyStore {
  async get(db: Db, key: IdempotencyKey, now: number): Promise<Remembered | undefined> {
    const [row] = await db.query<Remembered>(
      'SELECT run, content FROM idempotency WHERE org = $1 AND principal = $2 AND key = $3 AND expires_at > $4',
      [key.org, key.principal, key.key, now],
    );
    return row;
  }

  /** Takes a free or expired key. Waits for a concurrent taker to commit; false when it did. */
  async take(db: Db, key: IdempotencyKey, value: Remembered, now: number): Promise<boolean> {
    const taken = await db.query(
      `INSERT INTO idempotency (org, principal, key, content, run, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (org, principal, key) DO UPDATE SET content = excluded.content, run = excluded.run, expires_at = excluded.expires_at
         WHERE idempotency.expires_at <= $7
       RETURNING run`,
      [key.org, key.principal, key.key, value.content, value.run, now + idempotencyMs, now],
    );
    return taken.length > 0;
  }

  async forget(db: Db, now: number): Promise<void> {
    await db.query('DELETE FROM idempotency WHERE expires_at <= $1', [now]);
  }
}
