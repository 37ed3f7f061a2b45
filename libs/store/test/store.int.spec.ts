import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { postgresUrl } from '@sallyport/store/embedded-postgres';
import pg from 'pg';
import { byteaArray } from '../src/bytea-array.ts';
import { migrate } from '../src/migrate.ts';
import { enqueue, markPublished, noticeStream, takeWaiting } from '../src/outbox.ts';
import { isUniqueViolation, Store } from '../src/store.ts';

const socket = process.env['SALLY_TEST_POSTGRES_SOCKET'] ?? '';
const database = `t_store_${process.pid}`;
const root = postgresUrl(socket, 'postgres', 'postgres', 'test');
const adminUrl = postgresUrl(socket, database, 'postgres', 'test');
const table = `CREATE TABLE thing (id text PRIMARY KEY, org text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON thing TO sally_scheduler;
ALTER TABLE thing ENABLE ROW LEVEL SECURITY; ALTER TABLE thing FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON thing USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));`;

let store: Store;
let directory: string;

const plan = () => ({ adminUrl, schema: 'scheduler', role: 'sally_scheduler', directory });

beforeAll(async () => {
  const client = new pg.Client({ connectionString: root });
  await client.connect();
  await client.query(`CREATE DATABASE ${database}`);
  await client.end();
  directory = mkdtempSync(join(tmpdir(), 'sally-migrations-'));
  mkdirSync(join(directory, '0001_init'));
  writeFileSync(join(directory, '0001_init', 'migration.sql'), table);
  await migrate(plan());
  store = Store.open({ url: postgresUrl(socket, database, 'sally_scheduler', 'test'), schema: 'scheduler' });
});

afterAll(() => store.close());

describe('migrate', () => {
  test('applies nothing twice', async () => {
    await expect(migrate(plan())).resolves.toEqual([]);
  });

  test('refuses a migration that was changed after it was applied', async () => {
    writeFileSync(join(directory, '0001_init', 'migration.sql'), `${table}\n-- changed`);
    await expect(migrate(plan())).rejects.toMatchObject({ reason: 'store.migration_changed' });
    writeFileSync(join(directory, '0001_init', 'migration.sql'), table);
  });
});

describe('Store', () => {
  test('shows a transaction the rows of its own org only, even without a where clause', async () => {
    await store.tx('acme', (db) => db.query("INSERT INTO thing VALUES ('a', 'acme')"));
    await store.tx('other', (db) => db.query("INSERT INTO thing VALUES ('b', 'other')"));
    expect(await store.tx('acme', (db) => db.query('SELECT id FROM thing'))).toEqual([{ id: 'a' }]);
    expect(await store.system((db) => db.query('SELECT id FROM thing ORDER BY id'))).toHaveLength(2);
  });

  test('refuses to write a row of another org', async () => {
    await expect(store.tx('acme', (db) => db.query("INSERT INTO thing VALUES ('c', 'other')"))).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('leaves nothing of a failed transaction and no org behind on the connection', async () => {
    const failed = store.tx('acme', async (db) => {
      await db.query("INSERT INTO thing VALUES ('d', 'acme')");
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await store.system((db) => db.query("SELECT id FROM thing WHERE id = 'd'"))).toEqual([]);
    expect(await store.tx('nobody', (db) => db.query('SELECT id FROM thing'))).toEqual([]);
  });

  test('commits each statement of a sweep by itself, over every org', async () => {
    const before = await store.autocommit.query('SELECT id FROM thing');
    await store.autocommit.query('INSERT INTO thing VALUES ($1, $2), ($3, $4)', ['s1', 'acme', 's2', 'other']);
    expect(await store.tx('acme', (db) => db.query("SELECT id FROM thing WHERE id LIKE 's_'"))).toEqual([{ id: 's1' }]);
    expect(await store.autocommit.query('SELECT id FROM thing')).toHaveLength(before.length + 2);
    await store.autocommit.query("DELETE FROM thing WHERE id LIKE 's_'");
    expect(await store.autocommit.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'off' }]);
  });

  test('goes on with a table that changed its shape under what was prepared', async () => {
    const all = 'SELECT * FROM thing WHERE id <> $1';
    const inTurn = [() => store.tx('acme', (db) => db.query(all, [''])), () => store.autocommit.query(all, [''])];
    for (const read of inTurn) await read();
    const admin = new pg.Client({ connectionString: adminUrl });
    await admin.connect();
    await admin.query('ALTER TABLE scheduler.thing ADD COLUMN note text');
    for (const read of inTurn) {
      await expect(read()).rejects.toMatchObject({ code: 'unavailable', reason: 'store.unavailable' });
      await expect(read()).resolves.toContainEqual(expect.objectContaining({ note: null }));
    }
    await admin.query('ALTER TABLE scheduler.thing DROP COLUMN note');
    await admin.end();
  });

  test('hands over arrays of bytes as they are', async () => {
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const given = [every, null, new Uint8Array(0), Buffer.from('\\x00,{}"')];
    for (const values of [given, [], [null]]) {
      const rows = await store.autocommit.query<{ value: Buffer | null }>('SELECT unnest($1::bytea[]) AS value', [
        byteaArray(values),
      ]);
      expect(rows.map(({ value }) => value)).toEqual(values.map((value) => value && Buffer.from(value)));
    }
  });

  test('names a broken unique constraint', async () => {
    const twice = store.tx('acme', (db) => db.query("INSERT INTO thing VALUES ('a', 'acme')"));
    await expect(twice.catch((error: unknown) => isUniqueViolation(error, 'thing_pkey'))).resolves.toBe(true);
  });

  test('cannot lift row-level security with its own role', async () => {
    await expect(store.system((db) => db.query('ALTER TABLE thing DISABLE ROW LEVEL SECURITY'))).rejects.toMatchObject({
      code: '42501',
    });
  });
});

describe('outbox', () => {
  const row = (id: string) => ({ id, org: 'acme', subject: 'run.v1.acme.r1.event', payload: new Uint8Array([1, 2]) });

  test('commits with the change and gives rows in order', async () => {
    await store.tx('acme', (db) => enqueue(db, [row('e1'), row('e2'), row('e1')]));
    const waiting = await store.system((db) => takeWaiting(db, 10));
    expect(waiting.map((each) => each.id)).toEqual(['e1', 'e2']);
    await store.system((db) =>
      markPublished(
        db,
        waiting.map((each) => each.position),
      ),
    );
    expect(await store.system((db) => takeWaiting(db, 10))).toEqual([]);
  });

  test('sends kept rows again when the stream was made anew', async () => {
    const notice = (created: string) => store.system((db) => noticeStream(db, 'RUN', created, 'run.v1.'));
    expect(await notice('t1')).toBe(0);
    expect(await notice('t1')).toBe(0);
    expect(await notice('t2')).toBe(2);
    expect(await store.system((db) => takeWaiting(db, 10))).toHaveLength(2);
  });
});
