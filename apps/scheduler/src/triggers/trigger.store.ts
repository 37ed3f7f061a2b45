/** Trigger rows. A removed trigger keeps its row: its history names it. */

import type { Db } from '@sallyport/store/store';
import { type OverlapName, type Trigger, type TriggerKind, templateBytes, templateFrom } from './trigger.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly kind: string;
  readonly name: string;
  readonly version: string;
  readonly spec: Uint8Array;
  readonly spec_hash: string;
  readonly template: Uint8Array;
  readonly overlap: string;
  readonly paused: boolean;
  readonly grant_id: string;
  readonly grant_hash: string;
  readonly subject: string;
  readonly grant_trouble: string;
  readonly created_at: string;
  readonly created_by: string;
  readonly deleted_at: string | null;
  readonly cursor_at: string;
  readonly next_at: string | null;
}

const triggerFrom = (row: Row): Trigger => ({
  id: row.id,
  org: row.org,
  environment: row.environment,
  kind: row.kind as TriggerKind,
  name: row.name,
  version: Number(row.version),
  spec: row.spec,
  specHash: row.spec_hash,
  template: templateFrom(row.template),
  overlap: row.overlap as OverlapName,
  paused: row.paused,
  grant: row.grant_id,
  grantHash: row.grant_hash,
  subject: row.subject,
  grantTrouble: row.grant_trouble,
  createdAt: Number(row.created_at),
  createdBy: row.created_by,
  deletedAt: row.deleted_at === null ? undefined : Number(row.deleted_at),
  cursorAt: Number(row.cursor_at),
  nextAt: row.next_at === null ? undefined : Number(row.next_at),
});

/** Names a trigger of an environment. */
export interface TriggerName {
  readonly environment: string;
  readonly kind: TriggerKind;
  readonly name: string;
}

export class TriggerStore {
  async find(db: Db, { environment, kind, name }: TriggerName): Promise<Trigger | undefined> {
    const [row] = await db.query<Row>(
      'SELECT * FROM trigger WHERE environment = $1 AND kind = $2 AND name = $3 AND deleted_at IS NULL',
      [environment, kind, name],
    );
    return row && triggerFrom(row);
  }

  /** As `find`, and locked until the transaction ends. */
  async lockNamed(db: Db, { environment, kind, name }: TriggerName): Promise<Trigger | undefined> {
    const [row] = await db.query<Row>(
      'SELECT * FROM trigger WHERE environment = $1 AND kind = $2 AND name = $3 AND deleted_at IS NULL FOR NO KEY UPDATE',
      [environment, kind, name],
    );
    return row && triggerFrom(row);
  }

  /** The trigger, removed or not, locked until the transaction ends: its firings are decided one after the other. */
  async lock(db: Db, id: string): Promise<Trigger | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM trigger WHERE id = $1 FOR NO KEY UPDATE', [id]);
    return row && triggerFrom(row);
  }

  /** By name while it exists, by id ever after. */
  async everNamed(db: Db, { environment, kind, name }: TriggerName): Promise<Trigger | undefined> {
    const [row] = await db.query<Row>(
      `SELECT * FROM trigger WHERE environment = $1 AND kind = $2 AND ((name = $3 AND deleted_at IS NULL) OR id = $3)
       ORDER BY deleted_at NULLS FIRST LIMIT 1`,
      [environment, kind, name],
    );
    return row && triggerFrom(row);
  }

  async list(
    db: Db,
    { environment, kind, after, limit }: Omit<TriggerName, 'name'> & { readonly after: string; readonly limit: number },
  ): Promise<readonly Trigger[]> {
    const rows = await db.query<Row>(
      `SELECT * FROM trigger WHERE environment = $1 AND kind = $2 AND deleted_at IS NULL AND name > $3 COLLATE "C"
       ORDER BY name COLLATE "C" LIMIT $4`,
      [environment, kind, after, limit],
    );
    return rows.map(triggerFrom);
  }

  /**
   * Writes a trigger that was read under a lock, or a new one at version 1; the version goes up by one.
   *
   * A new one whose name was taken meanwhile breaks the index `trigger_name`.
   */
  async put(db: Db, trigger: Trigger): Promise<Trigger> {
    const [row] = await db.query<Row>(
      `INSERT INTO trigger (id, org, environment, kind, name, version, spec, spec_hash, template, overlap, paused, grant_id, grant_hash, subject,
         grant_trouble, created_at, created_by, deleted_at, cursor_at, next_at)
       VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
       ON CONFLICT (id) DO UPDATE SET version = trigger.version + 1, spec = excluded.spec, spec_hash = excluded.spec_hash,
         template = excluded.template, overlap = excluded.overlap, paused = excluded.paused, grant_id = excluded.grant_id,
         grant_hash = excluded.grant_hash, subject = excluded.subject, grant_trouble = excluded.grant_trouble,
         deleted_at = excluded.deleted_at, cursor_at = excluded.cursor_at, next_at = excluded.next_at
       RETURNING *`,
      [
        trigger.id,
        trigger.org,
        trigger.environment,
        trigger.kind,
        trigger.name,
        Buffer.from(trigger.spec),
        trigger.specHash,
        Buffer.from(templateBytes(trigger.template)),
        trigger.overlap,
        trigger.paused,
        trigger.grant,
        trigger.grantHash,
        trigger.subject,
        trigger.grantTrouble,
        trigger.createdAt,
        trigger.createdBy,
        trigger.deletedAt ?? null,
        trigger.cursorAt,
        trigger.nextAt ?? null,
      ],
    );
    if (row === undefined) throw new Error(`trigger ${trigger.id} was not written`);
    return triggerFrom(row);
  }

  /** Keeps a grant that was given for this very spec; undefined when the trigger changed or went meanwhile. */
  async keepGrant(
    db: Db,
    id: string,
    given: { readonly grant: string; readonly specHash: string; readonly subject: string },
  ): Promise<Trigger | undefined> {
    const [row] = await db.query<Row>(
      `UPDATE trigger SET grant_id = $3, grant_hash = $2, subject = $4, grant_trouble = '', version = version + 1
       WHERE id = $1 AND spec_hash = $2 AND deleted_at IS NULL RETURNING *`,
      [id, given.specHash, given.grant, given.subject],
    );
    return row && triggerFrom(row);
  }

  /** Notes how identity judged a grant when it was used; nothing when it is another grant by now. */
  async noteTrouble(db: Db, id: string, grant: string, trouble: string): Promise<void> {
    await db.query('UPDATE trigger SET grant_trouble = $3 WHERE id = $1 AND grant_id = $2 AND grant_trouble <> $3', [
      id,
      grant,
      trouble,
    ]);
  }

  /** Schedules that are due, most overdue first, locked so that no other scheduler takes them. */
  async lockDue(db: Db, now: number, limit: number): Promise<readonly Trigger[]> {
    const rows = await db.query<Row>(
      'SELECT * FROM trigger WHERE next_at <= $1 ORDER BY next_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED',
      [now, limit],
    );
    return rows.map(triggerFrom);
  }

  async several(db: Db, ids: readonly string[]): Promise<readonly Trigger[]> {
    if (ids.length === 0) return [];
    return (await db.query<Row>('SELECT * FROM trigger WHERE id = ANY($1::text[])', [ids])).map(triggerFrom);
  }

  /** When the next schedule of all is due. */
  async earliest(db: Db): Promise<number | undefined> {
    const [row] = await db.query<{ next_at: string | null }>(
      'SELECT next_at FROM trigger WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1',
    );
    return row === undefined || row.next_at === null ? undefined : Number(row.next_at);
  }

  /** Moves the clock hands of triggers on: what is decided, and what comes next. */
  async advance(
    db: Db,
    moved: readonly { readonly id: string; readonly cursorAt: number; readonly nextAt: number | undefined }[],
  ): Promise<void> {
    if (moved.length === 0) return;
    await db.query(
      `UPDATE trigger SET cursor_at = m.cursor_at, next_at = m.next_at
       FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS m (id, cursor_at, next_at) WHERE trigger.id = m.id`,
      [moved.map(({ id }) => id), moved.map(({ cursorAt }) => cursorAt), moved.map(({ nextAt }) => nextAt ?? null)],
    );
  }
}
