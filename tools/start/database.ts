/** Postgres for one machine: the cluster, a login role and a schema per service, migrations. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Caller } from '@sallyport/core/access';
import { EmbeddedPostgres } from '@sallyport/store/embedded-postgres';
import { migrate } from '@sallyport/store/migrate';
import pg from 'pg';
import type { Layout } from './layout.ts';
import { repository } from './options.ts';
import type { Secrets } from './secrets.ts';
import { endLeftover, keepUp } from './servers.ts';

export interface Database {
  /** URL of a service's own role. */
  url(service: Caller): string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

const name = 'sallyport';

/** Starts the server, brings every schema up to date, and starts it again when it dies unasked. */
export async function keepDatabase(
  layout: Layout,
  secrets: Secrets,
  services: readonly Caller[],
  onRestart: (why: string) => void,
): Promise<Database> {
  await endLeftover(join(layout.postgres, 'postmaster.pid'), 'postgres', 'SIGINT');
  const start = (): Promise<EmbeddedPostgres> =>
    EmbeddedPostgres.start({
      directory: layout.postgres,
      socketDirectory: join(layout.run, 'postgres'),
      password: secrets.databasePassword('postgres'),
    });
  const first = await start();
  await prepare(first, secrets, services);
  const kept = keepUp(first, start, onRestart);
  const url = (service: Caller): string => first.url(name, role(service), secrets.databasePassword(role(service)));
  return {
    url,
    pid: () => kept.current().pid,
    stop: () => kept.stop(),
  };
}

async function prepare(server: EmbeddedPostgres, secrets: Secrets, services: readonly Caller[]): Promise<void> {
  await ensureDatabase(server);
  const adminUrl = server.url(name);
  const withSchema = services.filter((service) => existsSync(migrations(service)));
  await ensureRoles(adminUrl, withSchema, secrets);
  for (const service of withSchema)
    await migrate({ adminUrl, schema: service, role: role(service), directory: migrations(service) });
}

const role = (service: Caller): string => `sally_${service}`;
const migrations = (service: Caller): string => join(repository, 'apps', service, 'prisma', 'migrations');

async function ensureDatabase(server: EmbeddedPostgres): Promise<void> {
  await withClient(server.url(), async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
  });
}

async function ensureRoles(adminUrl: string, services: readonly Caller[], secrets: Secrets): Promise<void> {
  await withClient(adminUrl, async (client) => {
    // No role but its owner reads a schema: not by default, not by a grant to everybody.
    await client.query(`REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    for (const service of services) {
      const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role(service)]);
      const password = client.escapeLiteral(secrets.databasePassword(role(service)));
      await client.query(
        `${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${role(service)} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD ${password}`,
      );
      await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${role(service)}`);
    }
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
