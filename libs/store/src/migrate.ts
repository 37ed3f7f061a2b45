/**
 * Applies Prisma-format migration directories (`<number>_<name>/migration.sql`) without any engine.
 *
 * Runs as an administrator, once before a service starts; the service's own role owns nothing and so cannot lift its
 * row-level security. A migration that was applied and then changed is refused.
 */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '@sallyport/core/canonical';
import { Fault } from '@sallyport/core/fault';
import pg from 'pg';
import { outboxSql } from './outbox.ts';

export interface MigrationPlan {
  /** URL of a role that may create schemas. */
  readonly adminUrl: string;
  readonly schema: string;
  /** Login role of the service; must exist. */
  readonly role: string;
  /** Directory that holds the numbered directories. */
  readonly directory: string;
}

/** Brings a schema up to date. Returns the names it applied. */
export async function migrate(plan: MigrationPlan): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: plan.adminUrl });
  await client.connect();
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${plan.schema}`);
    await client.query(`GRANT USAGE ON SCHEMA ${plan.schema} TO ${plan.role}`);
    await client.query(`SET search_path = ${plan.schema}`);
    await client.query(
      'CREATE TABLE IF NOT EXISTS _migration (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    await client.query(outboxSql(plan.role));
    return await applyAll(client, plan.directory);
  } finally {
    await client.end();
  }
}

async function applyAll(client: pg.Client, directory: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string; checksum: string }>('SELECT name, checksum FROM _migration');
  const done = new Map(rows.map((row) => [row.name, row.checksum]));
  const names = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const applied: string[] = [];
  for (const name of names) {
    const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
    const checksum = sha256Hex(sql);
    const known = done.get(name);
    if (known === checksum) continue;
    if (known !== undefined) {
      throw new Fault(
        'failed_precondition',
        'store.migration_changed',
        `migration ${name} differs from the one applied here; restore the file, or start on an empty data directory`,
        { name },
      );
    }
    await client.query('BEGIN');
    try {
      await client.query(sql);
      await client.query('INSERT INTO _migration (name, checksum) VALUES ($1, $2)', [name, checksum]);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
    applied.push(name);
  }
  return applied;
}
