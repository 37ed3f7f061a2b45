/** A database of its own on the Postgres of a started stack, so that a peer stands on the same server as the product. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { postgresUrl } from '@sallyport/store/embedded-postgres';
import pg from 'pg';
import type { StartedStack } from '../e2e/started-stack.ts';

/** URL of a login role, the administrator when none is named, for one database. */
export function stackUrl(stack: StartedStack, database: string, role = 'postgres'): string {
  const password = readFileSync(join(stack.data, 'secrets', `database-${role}.password`), 'utf8').trim();
  return postgresUrl(join(stack.data, 'run', 'postgres'), database, role, password);
}

/** Makes an empty database, in place of one of that name, and answers its URL. */
export async function freshDatabase(stack: StartedStack, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: stackUrl(stack, 'postgres') });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  return stackUrl(stack, name);
}

/** Resolves once no service of the stack has word to spread any more, so that neither arm runs beside the leavings of the other. */
export async function spread(db: pg.Client): Promise<void> {
  const { rows: schemas } = await db.query<{ name: string }>(
    "SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'outbox'",
  );
  const waiting = schemas.map(({ name }) => `EXISTS (SELECT 1 FROM ${name}.outbox WHERE published_at IS NULL)`);
  for (;;) {
    const { rows } = await db.query<{ any: boolean }>(`SELECT ${waiting.join(' OR ')} AS any`);
    if (rows[0]?.any === false) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
