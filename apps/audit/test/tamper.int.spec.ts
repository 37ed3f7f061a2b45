import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Logs } from '../src/log/logs.ts';
import { type AuditCaller, anEvent, exported, World } from './world.ts';

let world: World;
let egress: AuditCaller;
let org = '';
let count = 0;

beforeAll(async () => {
  world = await World.make();
  egress = await world.as('egress');
});
afterAll(() => world.close());

beforeEach(async () => {
  org = `org-${++count}`;
  await egress.append({ events: Array.from({ length: 300 }, () => anEvent('egress.deny', { org })) });
  await world.get(Logs).of(org).checkpoint(300, 5_000);
  await egress.append({ events: Array.from({ length: 10 }, () => anEvent('egress.deny', { org })) });
});

const appendOne = () => egress.append({ events: [anEvent('egress.deny', { org })] });
const inconsistent = { code: 'failed_precondition', reason: 'audit.log_inconsistent' };

/** Changes one word of an entry. */
const edited = (seq: number) =>
  `UPDATE event SET canonical = replace(canonical, 'main', 'mean') WHERE org = $org AND seq = ${seq}`;

/** Changes one word of an entry as the log would have stored it, had that been the word. */
const rewritten = (seq: number) =>
  `UPDATE event SET canonical = replace(canonical, 'main', 'mean'),
     leaf_hash = sha256('\\x00'::bytea || convert_to(replace(canonical, 'main', 'mean'), 'UTF8')) WHERE org = $org AND seq = ${seq}`;

/** Behind the service's back, in the log of this test. */
const steal = (...statements: readonly string[]) =>
  world.asThief(...statements.map((statement) => statement.replaceAll('$org', `'${org}'`)));

describe('the database role', () => {
  test.each(
    ['log', 'event', 'checkpoint'].flatMap((table) => [
      `UPDATE ${table} SET org = 'other'`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
      `ALTER TABLE ${table} DISABLE TRIGGER append_only`,
    ]),
  )('may not %s', async (statement) => {
    await expect(world.database.store.system((db) => db.query(statement))).rejects.toMatchObject({ code: '42501' });
  });

  test('sees one org at a time', async () => {
    const rows = await world.database.store.tx('other', (db) => db.query('SELECT 1 FROM event'));
    expect(rows).toEqual([]);
  });
});

describe('a thief of the database', () => {
  test.each<[string, string, string[]]>([
    ['edits an entry', 'entry_changed:5', [edited(5)]],
    ['edits an entry and its hash', 'entry_changed:299', [rewritten(5)]],
    ['deletes an entry', 'entry_missing:5', ['DELETE FROM event WHERE org = $org AND seq = 5']],
    ['deletes signed entries from the end', 'rolled_back:200', ['DELETE FROM event WHERE org = $org AND seq >= 200']],
    [
      'swaps two entries',
      'entry_changed:299',
      [
        'CREATE TABLE kept AS SELECT * FROM event WHERE org = $org AND seq IN (5, 6)',
        'DELETE FROM event WHERE org = $org AND seq IN (5, 6)',
        'INSERT INTO event SELECT org, 11 - seq, id, environment, kind, run, leaf_hash, canonical FROM kept',
      ],
    ],
    [
      'edits a checkpoint',
      'checkpoint_changed:300',
      [`UPDATE checkpoint SET note = replace(note, '300', '301') WHERE org = $org AND size = 300`],
    ],
    [
      'rolls everything back',
      'rolled_back:0',
      ['DELETE FROM event WHERE org = $org', 'DELETE FROM checkpoint WHERE org = $org AND size > 0'],
    ],
    [
      'forgets the log',
      'rolled_back:0',
      ['event', 'checkpoint', 'log'].map((table) => `DELETE FROM ${table} WHERE org = $org`),
    ],
  ])('who %s is found at the next start, and the log takes nothing more', async (_, why, statements) => {
    await world.stop();
    await steal(...statements);
    await world.start();
    await expect(appendOne()).rejects.toMatchObject({ ...inconsistent, detail: { org, why } });
    expect(() => world.get(Logs).assertSound()).toThrow();
  });

  test('who edits an entry while audit runs is found by a sweep', async () => {
    await steal(rewritten(5));
    await appendOne();
    await world.get(Logs).sweep();
    await expect(appendOne()).rejects.toMatchObject(inconsistent);
  });

  test('who takes the newest entries away is found by the next append', async () => {
    await steal('DELETE FROM event WHERE org = $org AND seq >= 305');
    await expect(appendOne()).rejects.toMatchObject({ ...inconsistent, detail: { why: 'rolled_back:309' } });
  });

  test('who edits an entry does not get it exported', async () => {
    const token = await world.issuer.session('audit', { org });
    await steal(edited(5));
    const api = await world.as('api');
    await expect(exported(api, token)).rejects.toMatchObject(inconsistent);
  });

  test('who touches one org leaves the others alone', async () => {
    await egress.append({ events: [anEvent('egress.deny', { org: 'neighbour' })] });
    await world.stop();
    await steal('DELETE FROM event WHERE org = $org AND seq = 5');
    await world.start();
    await egress.append({ events: [anEvent('egress.deny', { org: 'neighbour' })] });
    await expect(appendOne()).rejects.toMatchObject(inconsistent);
  });
});

describe('what lies outside the database', () => {
  test('an anchor that someone changed halts the log', async () => {
    const path = join(world.directory, 'anchors', `${org}.checkpoint`);
    await world.stop();
    writeFileSync(path, readFileSync(path, 'utf8').replace('\n310\n', '\n309\n'));
    await world.start();
    await expect(appendOne()).rejects.toMatchObject({ ...inconsistent, detail: { why: 'anchor_changed:0' } });
  });

  test('another key than the one that signed halts the log', async () => {
    await world.stop();
    const key = join(world.directory, 'log.key');
    renameSync(key, `${key}.kept`);
    await world.start();
    await expect(appendOne()).rejects.toMatchObject({ ...inconsistent, detail: { why: 'key_changed:0' } });
    renameSync(`${key}.kept`, key);
    await world.restart();
    await appendOne();
  });

  test('a restart goes on where the log ended', async () => {
    await world.restart();
    await appendOne();
    expect(world.get(Logs).of(org)).toMatchObject({ size: 311, state: 'open' });
  });
});
