/** Postgres as one service sees it: its own role, its own schema, row-level security by org. */

import { Fault } from '@sallyport/core/fault';
import pg from 'pg';

/** One transaction. */
export interface Db {
  /** Runs one statement; rows come back as plain objects. */
  query<Row = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Row[]>;
}

export interface StoreOptions {
  /** `postgresql://role:password@/database?host=/socket/dir` or any URL that node-postgres takes. */
  readonly url: string;
  /** Schema of the service; becomes the search path. */
  readonly schema: string;
  /** Connections at most; 8 when absent. */
  readonly max?: number;
}

/** Everything reads and writes inside a transaction that is bound to one org, or by name to all of them. */
export class Store {
  /**
   * Over every org, each statement a transaction of its own in one round trip that does not wait for the disk: for what a sweep does many
   * times a second and does again when a crash of the database took back the last moment. What is written in order after it, by anybody, is
   * never kept without it.
   */
  readonly autocommit: Db;
  readonly #pool: pg.Pool;
  readonly #sweeps: pg.Pool;

  private constructor(pool: pg.Pool, sweeps: pg.Pool) {
    this.#pool = pool;
    this.#sweeps = sweeps;
    this.autocommit = {
      query: async <Row>(text: string, params?: readonly unknown[]) => {
        const client = await connect(sweeps);
        let failure: Error | undefined;
        try {
          return await dbOf(client).query<Row>(text, params);
        } catch (error) {
          failure = error instanceof Error ? error : new Error(String(error));
          throw asFault(error);
        } finally {
          client.release(failure);
        }
      },
    };
  }

  static open(options: StoreOptions): Store {
    const settings = `-c search_path=${options.schema}`;
    return new Store(
      openPool(options, options.max ?? 8, settings),
      openPool(options, maxSweeps, `${settings} -c sally.org=* -c synchronous_commit=off`),
    );
  }

  /** A transaction that sees and writes rows of one org only. */
  tx<T>(org: string, work: (db: Db) => Promise<T>): Promise<T> {
    if (org === '' || org === '*') throw new Error('a transaction names exactly one org; use system() for sweeps');
    return this.#run(org, work);
  }

  /** A transaction over every org: sweeps, relays, sequencers. */
  system<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#run('*', work);
  }

  /** Whether the database answers. */
  async ping(): Promise<void> {
    await this.#pool.query('select 1');
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#sweeps.end()]);
  }

  async #run<T>(org: string, work: (db: Db) => Promise<T>): Promise<T> {
    const client = await connect(this.#pool);
    let broken: Error | undefined;
    try {
      // One round trip: the simple protocol takes both statements.
      await client.query(`BEGIN; SELECT set_config('sally.org', ${client.escapeLiteral(org)}, true)`);
      const result = await work(dbOf(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((lost: unknown) => {
        broken = lost instanceof Error ? lost : new Error(String(lost));
      });
      if (isStalePlan(error)) broken = error;
      throw asFault(error);
    } finally {
      client.release(broken);
    }
  }
}

/** Connections whose session is bound to every org; none is opened by a service that has no sweeps. */
const maxSweeps = 2;

function openPool({ url, schema }: StoreOptions, max: number, settings: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: schema,
    options: settings,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
  });
  // A client that lost its server reports it here; the next query gets a fresh connection.
  pool.on('error', () => undefined);
  // A connection that dies while it is in use says so here as well; its query fails and the transaction with it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const connect = (pool: pg.Pool): Promise<pg.PoolClient> =>
  pool.connect().catch((error: unknown) => {
    throw new Fault(
      'unavailable',
      'store.unreachable',
      'the database does not answer; see that Postgres runs and has free connections',
      {},
      { cause: error },
    );
  });

const dbOf = (client: pg.PoolClient): Db => ({
  query: async <Row>(text: string, params: readonly unknown[] = []) => {
    const result = await client.query(prepared(text, params));
    return result.rows as Row[];
  },
});

/** Texts are constants of the code, so that there are few: each is parsed and planned once per connection, under a name of its own. */
const names = new Map<string, string>();

function prepared(text: string, params: readonly unknown[]): pg.QueryConfig {
  let name = names.get(text);
  if (name === undefined) {
    name = `statement_${names.size}`;
    names.set(text, name);
  }
  return { name, text, values: [...params] };
}

/** SQLSTATE classes that say "not now" rather than "no": connection loss, shutdown, resources, serialization. */
const transient = /^(?:08|53|57|40)/;

function asFault(error: unknown): unknown {
  const state = sqlState(error);
  const code = (error as { code?: unknown }).code;
  const cut =
    error instanceof Error && /^Connection terminated|^Client has encountered a connection error/.test(error.message);
  const unreachable =
    cut ||
    isStalePlan(error) ||
    code === 'ECONNREFUSED' ||
    code === 'ECONNRESET' ||
    code === 'ENOENT' ||
    code === 'EPIPE';
  if (unreachable || (state !== undefined && transient.test(state))) {
    return new Fault(
      'unavailable',
      'store.unavailable',
      'the database could not complete the transaction; try again',
      {},
      { cause: error },
    );
  }
  return error;
}

/** A table changed its shape under a prepared statement: the connection is of no more use, the next one knows the new shape. */
const isStalePlan = (error: unknown): error is pg.DatabaseError =>
  sqlState(error) === '0A000' && (error as pg.DatabaseError).routine === 'RevalidateCachedQuery';

/** SQLSTATE of a Postgres error, or undefined. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Whether a statement broke a unique constraint, of that name when one is given. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    sqlState(error) === '23505' && (constraint === undefined || (error as pg.DatabaseError).constraint === constraint)
  );
}
