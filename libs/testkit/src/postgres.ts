/** A fresh, migrated database of one service. */

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { postgresUrl } from '@sallyport/store/embedded-postgres';
import { migrate } from '@sallyport/store/migrate';
import { Store } from '@sallyport/store/store';
import pg from 'pg';
import { clusterVariable, repository, testPassword } from './cluster.ts';

export interface TestDatabase {
  /** Opened as the service's own login role, row-level security on. */
  readonly store: Store;
  /** URL of that role. */
  readonly url: string;
  /** URL of the administrator, for looking behind the service's back. */
  readonly adminUrl: string;
  close(): Promise<void>;
}

/** Makes a database and applies the service's migrations to it. */
export async function testDatabase(service: string): Promise<TestDatabase> {
  const socket = process.env[clusterVariable];
  if (socket === undefined)
    throw new Error(`${clusterVariable} is not set; run the tests through Jest with the repository's configuration`);
  const name = `t_${randomBytes(8).toString('hex')}`;
  const root = postgresUrl(socket, 'postgres', 'postgres', testPassword);
  await asAdmin(root, (client) => client.query(`CREATE DATABASE ${name}`));
  const adminUrl = postgresUrl(socket, name, 'postgres', testPassword);
  const directory = join(repository, 'apps', service, 'prisma', 'migrations');
  if (existsSync(directory)) await migrate({ adminUrl, schema: service, role: `sally_${service}`, directory });
  const url = postgresUrl(socket, name, `sally_${service}`, testPassword);
  const store = Store.open({ url, schema: service });
  return {
    store,
    url,
    adminUrl,
    close: async () => {
      await store.close();
      await asAdmin(root, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function asAdmin(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
