/**
 * One Postgres per test run. Jest's global set-up starts it; each test file takes a fresh database of its own from it.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callers } from '@sallyport/core/access';
import { EmbeddedPostgres } from '@sallyport/store/embedded-postgres';
import pg from 'pg';

/** Root of the repository. */
export const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Password of every role of a test cluster. */
export const testPassword = 'test';

/** Variable that tells test files where the run's cluster is. */
export const clusterVariable = 'SALLY_TEST_POSTGRES_SOCKET';

export interface TestCluster {
  readonly socketDirectory: string;
  stop(): Promise<void>;
}

/** Starts a cluster from a cached, freshly initialised data directory. Durability is off: a test run is thrown away. */
export async function startCluster(): Promise<TestCluster> {
  const home = mkdtempSync(join(tmpdir(), 'sally-pg-'));
  chmodSync(home, 0o755);
  const cached = join(
    repository,
    'node_modules',
    '.cache',
    'sallyport',
    `postgres-template-${process.getuid?.() ?? 0}`,
  );
  const directory = join(home, 'data');
  const fresh = !existsSync(join(cached, 'PG_VERSION'));
  if (!fresh) copyTree(cached, directory);
  const server = await EmbeddedPostgres.start({
    directory,
    socketDirectory: join(home, 'socket'),
    password: testPassword,
    settings: ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'],
    users: ['postgres', 'nobody'],
  });
  if (fresh) await keepTemplate(server, directory, cached);
  const running = fresh ? await restart(home, directory) : server;
  await makeRoles(running.url());
  return {
    socketDirectory: join(home, 'socket'),
    stop: async () => {
      await running.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function keepTemplate(server: EmbeddedPostgres, directory: string, cached: string): Promise<void> {
  await server.stop();
  mkdirSync(join(cached, '..'), { recursive: true });
  const staged = `${cached}.${process.pid}`;
  copyTree(directory, staged);
  rmSync(join(staged, 'postmaster.pid'), { force: true });
  try {
    renameSync(staged, cached);
  } catch {
    rmSync(staged, { recursive: true, force: true });
  }
}

/** Ownership is part of a data directory: Postgres refuses another's. */
const copyTree = (from: string, to: string): void => {
  execFileSync('cp', ['-a', from, to]);
};

const restart = (home: string, directory: string): Promise<EmbeddedPostgres> =>
  EmbeddedPostgres.start({
    directory,
    socketDirectory: join(home, 'socket'),
    password: testPassword,
    settings: ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'],
    users: ['postgres', 'nobody'],
  });

async function makeRoles(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  for (const caller of callers) await client.query(`CREATE ROLE sally_${caller} LOGIN PASSWORD '${testPassword}'`);
  await client.end();
}
