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
  readonly #pool: pg.Pool;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  static open(options: StoreOptions): Store {
    const pool = new pg.Pool({
      connectionString: options.url,
      max: options.max ?? 8,
      application_name: options.schema,
      options: `-c search_path=${options.schema}`,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      // A client that lost its server reports it here; the next query gets a fresh connection.
      statement_timeout: 30_000,
    });
    pool.on('error', () => undefined);
    // A connection that dies while it is in use says so here as well; its query fails and the transaction with it.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return new Store(pool);
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

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #run<T>(org: string, work: (db: Db) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw new Fault(
        'unavailable',
        'store.unreachable',
        'the database does not answer; see that Postgres runs and has free connections',
        {},
        { cause: error },
      );
    });
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
      throw asFault(error);
    } finally {
      client.release(broken);
    }
  }
}

const dbOf = (client: pg.PoolClient): Db => ({
  query: async <Row>(text: string, params: readonly unknown[] = []) => {
    const result = await client.query(text, [...params]);
    return result.rows as Row[];
  },
});

/** SQLSTATE classes that say "not now" rather than "no": connection loss, shutdown, resources, serialization. */
const transient = /^(?:08|53|57|40)/;

function asFault(error: unknown): unknown {
  const state = sqlState(error);
  const code = (error as { code?: unknown }).code;
  const cut =
    error instanceof Error && /^Connection terminated|^Client has encountered a connection error/.test(error.message);
  const unreachable = cut || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ENOENT' || code === 'EPIPE';
  if (unreachable || (state !== undefined && transient.test(state))) {
    return new Fault(
      'unavailable',
      'store.unavailable',
      'the database could not complete the transaction; nothing was changed, try again',
      {},
      { cause: error },
    );
  }
  return error;
}

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
