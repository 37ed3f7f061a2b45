import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { RuntimeEventSchema } from '@sallyport/contracts/runtime/v1/runtime';
import { CommittedSchema, ResultSchema, Verdict } from '@sallyport/contracts/unit/v1/event';
import { Log } from '@sallyport/service/log';
import { Journal } from './journal.ts';
import { aRecord } from './workload.builder.ts';
import { toWire } from './workload.ts';

async function aJournal(): Promise<{ journal: Journal; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-journal-'));
  const journal = new Journal(directory, new Log('runtime', 'silent'));
  await journal.open();
  return { journal, directory };
}

describe('Journal', () => {
  test('gives back what was saved, field by field', async () => {
    const { journal } = await aJournal();
    const record = aRecord({
      state: 'stopped',
      stopReason: 'completed',
      exitCode: 0,
      startedAt: 2_000,
      stoppedAt: 3_000,
      token: { raw: 'a.b.c', issuedAt: 1, expiresAt: 2 },
      ending: { reason: 'stopped', why: 'asked: because', capture: true },
      result: create(ResultSchema, { verdict: Verdict.SUCCEEDED, reply: 'done' }),
      commits: [create(CommittedSchema, { workspace: 'demo', commit: 'a'.repeat(40), refused: { '.git': 'git_dir' } })],
      logTail: 'bye',
    });
    const event = create(RuntimeEventSchema, { id: 'e1', seq: 1n, workload: toWire(record) });
    record.unsent.push({ event, audited: true, reported: false });
    await journal.save(record);
    expect(await journal.readAll()).toEqual([record]);
  });

  test('lets nobody else read it', async () => {
    const { journal } = await aJournal();
    const record = aRecord();
    await journal.save(record);
    expect(statSync(join(journal.directoryOf(record.id), 'journal.json')).mode & 0o777).toBe(0o600);
    expect(statSync(journal.directoryOf(record.id)).mode & 0o777).toBe(0o700);
  });

  test('ignores a write that was cut short', async () => {
    const { journal } = await aJournal();
    const record = aRecord();
    await journal.save(record);
    writeFileSync(join(journal.directoryOf(record.id), 'journal.json.next'), '{"version":1,"id":"ds');
    expect(await journal.readAll()).toEqual([record]);
  });

  test.each([
    ['empty', ''],
    ['torn', '{"version":1,"id":"dsp'],
    ['of another version', '{"version":2}'],
    ['not JSON', '\u0000\u0001'],
  ])('puts a journal aside that is %s, and goes on with its neighbours', async (_, text) => {
    const { journal } = await aJournal();
    const [good, bad] = [aRecord(), aRecord()];
    await journal.save(good);
    await journal.save(bad);
    writeFileSync(join(journal.directoryOf(bad.id), 'journal.json'), text);
    expect(await journal.readAll()).toEqual([good]);
    expect(readdirSync(journal.directoryOf(bad.id))).toContain('journal.json.unreadable');
  });

  test('does not believe a record in another workload’s folder', async () => {
    const { journal } = await aJournal();
    const [one, two] = [aRecord(), aRecord()];
    await journal.save(one);
    await journal.save({ ...aRecord(), id: two.id, unit: one.unit });
    writeFileSync(join(journal.directoryOf(two.id), 'journal.json'), JSON.stringify({ id: one.id }));
    expect(await journal.readAll()).toEqual([one]);
  });

  test('ends with the last of many saves', async () => {
    const { journal } = await aJournal();
    const record = aRecord();
    const saves = Array.from({ length: 50 }, (_, index) => {
      record.seq = index;
      return journal.save(record);
    });
    await Promise.all(saves);
    expect((await journal.readAll())[0]?.seq).toBe(49);
  });

  test('says when it cannot write, and keeps the record before', async () => {
    const { journal } = await aJournal();
    const record = aRecord();
    await journal.save(record);
    const lost = new Journal('/dev/null', new Log('runtime', 'silent'));
    await expect(lost.save(record)).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'runtime.journal_unwritable',
    });
  });

  test('remembers tombstones', async () => {
    const { journal } = await aJournal();
    const { id } = aRecord();
    await journal.bury(id);
    expect(await journal.tombstones()).toEqual([id]);
    await journal.unbury(id);
    expect(await journal.tombstones()).toEqual([]);
  });
});
