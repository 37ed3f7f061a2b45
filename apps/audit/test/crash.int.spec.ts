import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Log } from '@sallyport/service/log';
import { Store } from '@sallyport/store/store';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import pg from 'pg';
import { admitEvent } from '../src/events/admit-event.ts';
import { Anchor } from '../src/log/anchor.ts';
import { insertEvents } from '../src/log/log.store.ts';
import { LogWriter } from '../src/log/log-writer.ts';
import { SigningKey } from '../src/log/signing-key.ts';
import { anEvent } from './world.ts';

let database: TestDatabase;
let admin: pg.Client;
let directory: string;

beforeAll(async () => {
  database = await testDatabase('audit');
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await database.close();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sally-audit-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const log = new Log('audit', 'silent');

function aWriter(org: string, store: Store = database.store): LogWriter {
  return new LogWriter({
    org,
    store,
    signer: SigningKey.load(join(directory, 'log.key')).signerOf(org),
    anchor: new Anchor(join(directory, 'anchors'), log),
    log,
    onStored: () => undefined,
  });
}

const admitted = (org: string) => admitEvent(anEvent('egress.deny', { org }), 'egress', 0);

/** Ids of an org's log in order; throws when there is a gap. */
async function idsOf(org: string): Promise<string[]> {
  const rows = await database.store.tx(org, (db) =>
    db.query<{ seq: string; id: string }>('SELECT seq, id FROM event WHERE org = $1 ORDER BY seq', [org]),
  );
  expect(rows.map((row) => Number(row.seq))).toEqual(rows.map((_, at) => at));
  return rows.map((row) => row.id);
}

interface Storm {
  readonly child: ChildProcess;
  readonly acknowledged: Set<string>;
  /** Resolves once this many more events were acknowledged. */
  more(count: number): Promise<void>;
}

function startStorm(org: string): Storm {
  const script = join(import.meta.dirname, 'storm.ts');
  const url = `${database.url}&application_name=storm`;
  const child = spawn(process.execPath, ['--no-warnings', script, url, directory, org], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const acknowledged = new Set<string>();
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', (id) => acknowledged.add(id));
  const more = (count: number): Promise<void> => {
    const wanted = acknowledged.size + count;
    return new Promise((resolve, reject) => {
      if (child.exitCode !== null) reject(new Error('the storm ended by itself'));
      lines.on('line', () => acknowledged.size >= wanted && resolve());
      child.once('exit', () => reject(new Error('the storm ended by itself')));
    });
  };
  return { child, acknowledged, more };
}

/** Ends a storm the hard way; resolves when all it said was read. */
async function kill(storm: Storm): Promise<void> {
  const closed = storm.child.exitCode === null ? once(storm.child, 'close') : undefined;
  storm.child.kill('SIGKILL');
  await closed;
}

/** Resolves when the database has done what the killed storms still had on the wire. */
async function calm(): Promise<void> {
  const left = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'storm' AND datname = current_database()";
  while ((await admin.query(left)).rowCount !== 0) {}
}

describe('a storm of appends', () => {
  test('that is killed again and again leaves a gapless log with every acknowledged event', async () => {
    const acknowledged = new Set<string>();
    for (const events of [1, 200, 1_000, 3_000]) {
      const storm = startStorm('killed');
      await storm.more(events);
      await kill(storm);
      for (const id of storm.acknowledged) acknowledged.add(id);
    }
    await calm();
    const stored = new Set(await idsOf('killed'));
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    const after = aWriter('killed');
    await after.open();
    expect(after).toMatchObject({ state: 'open', size: stored.size });
    await after.close();
  });

  test('whose database connections are cut keeps its promises, in the same process or the next one', async () => {
    let storm = startStorm('cut');
    const acknowledged = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      await storm.more(300).catch(() => {
        for (const id of storm.acknowledged) acknowledged.add(id);
        storm = startStorm('cut');
      });
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sally_audit' AND datname = current_database() AND query LIKE '%fits%'",
      );
    }
    await kill(storm);
    const stored = new Set(await idsOf('cut'));
    expect([...acknowledged, ...storm.acknowledged].filter((id) => !stored.has(id))).toEqual([]);
  });
});

describe('two writers of one log', () => {
  test('fence each other: no gap, no loss, one history', async () => {
    const org = 'split';
    const writers = [aWriter(org), aWriter(org)];
    const events = Array.from({ length: 400 }, () => admitted(org));
    const results = await Promise.allSettled(events.map((event, at) => writers[at % 2]!.append([event])));
    expect(results.filter((result) => result.status === 'rejected')).toEqual([]);
    expect((await idsOf(org)).toSorted()).toEqual(events.map(({ event }) => event.id).toSorted());
    await Promise.all(writers.map((writer) => writer.close()));
    const reader = aWriter(org);
    await reader.open();
    expect(reader).toMatchObject({ state: 'open', size: 400 });
  });

  test('sign one history', async () => {
    const org = 'signers';
    const [first, second] = [aWriter(org), aWriter(org)];
    await first.append([admitted(org)]);
    await second.append([admitted(org)]);
    const heads = await Promise.all([
      first.checkpoint(1, 60_000),
      second.checkpoint(2, 60_000),
      first.checkpoint(1, 60_000),
    ]);
    expect(heads.every((head) => head !== undefined && head.size >= 1)).toBe(true);
    await first.append([admitted(org)]);
    expect(await first.checkpoint(3, 60_000)).toMatchObject({ size: 3 });
    await Promise.all([first.close(), second.close()]);
    await aWriter(org).open();
  });
});

describe('durability', () => {
  test('is asked of a cluster that is set to answer before it has flushed', async () => {
    const org = 'flush';
    await aWriter(org).open();
    const after = await database.store.tx(org, async (db) => {
      const before = await db.query('SHOW synchronous_commit');
      const [row] = await db.query<{ root: Buffer }>('SELECT root FROM checkpoint WHERE org = $1', [org]);
      const { event, template } = admitted(org);
      const leaf = Buffer.alloc(32);
      const placed = { id: event.id, environment: '', kind: event.kind, run: '', leaf, canonical: template.at(0) };
      await insertEvents(db, org, { size: 0, lastLeaf: undefined, signedRoot: row!.root }, [placed], undefined);
      return [...before, ...(await db.query('SHOW synchronous_commit'))];
    });
    expect(after).toEqual([{ synchronous_commit: 'off' }, { synchronous_commit: 'on' }]);
  });

  test('that cannot be had is refused, and nothing is promised', async () => {
    const nowhere = Store.open({ url: database.url.replace('sally_audit', 'nobody'), schema: 'audit' });
    const append = aWriter('nowhere', nowhere).append([admitted('nowhere')]);
    await expect(append).rejects.toMatchObject({ code: 'unavailable' });
    await nowhere.close();
  });
});
