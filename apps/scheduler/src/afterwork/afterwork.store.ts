/** What other services must still be told about an ended run or a removed trigger; a row stays until they were. */

import type { Db } from '@sallyport/store/store';

/**
 * `end_launch`: identity closes the launch and revokes its tokens. `release_run`: workspace frees what the run held. `end_..._grants`:
 * identity ends what a removed trigger ran on; there `run` is the trigger.
 */
export type AfterworkKind = 'end_launch' | 'release_run' | 'end_schedule_grants' | 'end_subscription_grants';

export interface Afterwork {
  readonly id: string;
  readonly org: string;
  readonly run: string;
  readonly kind: AfterworkKind;
  readonly tries: number;
}

export class AfterworkStore {
  async add(db: Db, org: string, run: string, kinds: readonly AfterworkKind[], now: number): Promise<void> {
    await db.query(
      `INSERT INTO afterwork (id, org, run, kind, due_at, tries) SELECT $2 || '/' || kind, $1, $2, kind, $4, 0 FROM unnest($3::text[]) AS kind
       ON CONFLICT (id) DO NOTHING`,
      [org, run, kinds, now],
    );
  }

  /** Due rows, each put off until its worker must have ended. */
  claim(db: Db, now: number, claimMs: number, limit: number): Promise<readonly Afterwork[]> {
    return db.query<Afterwork>(
      `WITH due AS (SELECT id FROM afterwork WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       UPDATE afterwork SET due_at = $1::bigint + $2::bigint, tries = tries + 1 FROM due WHERE afterwork.id = due.id
       RETURNING afterwork.id, afterwork.org, afterwork.run, afterwork.kind, afterwork.tries`,
      [now, claimMs, limit],
    );
  }

  async done(db: Db, ids: readonly string[]): Promise<void> {
    await db.query('DELETE FROM afterwork WHERE id = ANY($1::text[])', [ids]);
  }

  async postpone(db: Db, id: string, until: number): Promise<void> {
    await db.query('UPDATE afterwork SET due_at = $2 WHERE id = $1', [id, until]);
  }
}
