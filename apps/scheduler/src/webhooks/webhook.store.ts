/** Rows of webhooks. */

import type { Db } from '@sallyport/store/store';
import type { Webhook } from './webhook.ts';

interface Row {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly type: string;
  readonly secret: Uint8Array;
  readonly previous: Uint8Array | null;
  readonly previous_until: string | null;
  readonly created_at: string;
}

const webhookFrom = (row: Row): Webhook => ({
  id: row.id,
  org: row.org,
  environment: row.environment,
  name: row.name,
  version: Number(row.version),
  source: row.source,
  type: row.type,
  secret: row.secret,
  previous: row.previous ?? undefined,
  previousUntil: row.previous_until === null ? undefined : Number(row.previous_until),
  createdAt: Number(row.created_at),
});

export class WebhookStore {
  async find(db: Db, environment: string, name: string): Promise<Webhook | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM webhook WHERE environment = $1 AND name = $2', [
      environment,
      name,
    ]);
    return row && webhookFrom(row);
  }

  /** As `find`, and locked until the transaction ends. */
  async lock(db: Db, environment: string, name: string): Promise<Webhook | undefined> {
    const [row] = await db.query<Row>('SELECT * FROM webhook WHERE environment = $1 AND name = $2 FOR UPDATE', [
      environment,
      name,
    ]);
    return row && webhookFrom(row);
  }

  async list(db: Db, environment: string): Promise<readonly Webhook[]> {
    const rows = await db.query<Row>('SELECT * FROM webhook WHERE environment = $1 ORDER BY name COLLATE "C"', [
      environment,
    ]);
    return rows.map(webhookFrom);
  }

  /** Writes a webhook that was read under a lock, or a new one; the version goes up by one. A name that is taken breaks its index. */
  async put(db: Db, webhook: Webhook): Promise<Webhook> {
    const [row] = await db.query<Row>(
      `INSERT INTO webhook (id, org, environment, name, version, source, type, secret, previous, previous_until, created_at)
       VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (id) DO UPDATE SET version = webhook.version + 1, source = excluded.source, type = excluded.type,
         secret = excluded.secret, previous = excluded.previous, previous_until = excluded.previous_until
       RETURNING *`,
      [
        webhook.id,
        webhook.org,
        webhook.environment,
        webhook.name,
        webhook.source,
        webhook.type,
        Buffer.from(webhook.secret),
        webhook.previous === undefined ? null : Buffer.from(webhook.previous),
        webhook.previousUntil ?? null,
        webhook.createdAt,
      ],
    );
    if (row === undefined) throw new Error(`webhook ${webhook.id} was not written`);
    return webhookFrom(row);
  }

  async remove(db: Db, id: string): Promise<void> {
    await db.query('DELETE FROM webhook WHERE id = $1', [id]);
  }
}
