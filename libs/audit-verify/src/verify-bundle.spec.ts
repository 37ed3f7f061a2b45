import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { aRun, archiveOf, aSigner, entriesOf, filesOf, Scratch, snapshotOf } from '../test/sample-log.ts';
import { signCheckpoint } from './checkpoint.ts';
import { encodeManifest, fileHash, parseManifest } from './manifest.ts';
import { emptyRoot, leafHash, rootOf } from './merkle.ts';
import type { BundleFile } from './tar.ts';
import { verifyBundle } from './verify-bundle.ts';

const scratch = new Scratch();
const signer = aSigner();
const events = [...aRun(1), ...aRun(2, 100)];
const entries = entriesOf(events);
let files: BundleFile[] = [];

beforeAll(async () => {
  files = await filesOf(snapshotOf(entries, signer, [5, 9]));
});
afterAll(() => scratch.remove());

/** The bundle with some files replaced, removed or added. */
const withFiles = (change: Readonly<Record<string, Uint8Array | undefined>>): BundleFile[] => {
  const kept = files.flatMap((file) => {
    if (!(file.path in change)) return [file];
    const bytes = change[file.path];
    return bytes === undefined ? [] : [{ path: file.path, bytes }];
  });
  const added = Object.entries(change).filter(
    ([path, bytes]) => bytes !== undefined && !files.some((f) => f.path === path),
  );
  return [...kept, ...added.map(([path, bytes]) => ({ path, bytes: bytes! }))];
};

describe('an honest bundle', () => {
  test('verifies as a directory and as an archive, to the same root', async () => {
    const wanted = {
      exit: 0,
      size: events.length,
      root: rootOf(entries.map(leafHash)).toString('hex'),
      checkpoints: 3,
      findings: [],
    };
    expect(verifyBundle(scratch.directory(files))).toMatchObject(wanted);
    expect(verifyBundle(scratch.archive(await archiveOf(files)), { logKey: signer.vkey })).toMatchObject({
      ...wanted,
      key: { from: 'reader' },
    });
  });

  test('verifies when the log is still empty', async () => {
    const snapshot = {
      ...snapshotOf([], signer),
      checkpoints: [{ size: 0, note: signCheckpoint(0, emptyRoot, signer) }],
    };
    expect(verifyBundle(scratch.archive(await archiveOf(await filesOf(snapshot))))).toMatchObject({ exit: 0, size: 0 });
  });

  test('verifies across several tiles', async () => {
    const many = entriesOf(Array.from({ length: 45 }, (_, at) => aRun(at + 1, at * 20)).flat());
    const path = scratch.archive(await archiveOf(await filesOf(snapshotOf(many, signer, [256, 300, 512]))));
    expect(verifyBundle(path)).toMatchObject({ exit: 0, size: many.length, checkpoints: 4 });
  });

  test('continues an earlier checkpoint', () => {
    const since = signCheckpoint(7, rootOf(entries.slice(0, 7).map(leafHash)), signer);
    expect(verifyBundle(scratch.directory(files), { since }).exit).toBe(0);
  });
});

describe('what a reader already knows', () => {
  test('unmasks another key', () => {
    const report = verifyBundle(scratch.directory(files), { logKey: aSigner().vkey });
    expect(report).toMatchObject({ exit: 5, findings: [{ what: 'other_key', file: 'keys/log.vkey' }] });
  });

  test('unmasks a key that is no key', () => {
    expect(verifyBundle(scratch.directory(files), { logKey: 'nonsense' }).exit).toBe(5);
  });

  test('unmasks a log that was rolled back', () => {
    const since = signCheckpoint(events.length + 1, emptyRoot, signer);
    expect(verifyBundle(scratch.directory(files), { since })).toMatchObject({
      exit: 2,
      findings: [{ what: 'rolled_back' }],
    });
  });

  test('unmasks a fork made with the stolen log key', () => {
    const since = signCheckpoint(7, rootOf(entries.slice(1, 8).map(leafHash)), signer);
    expect(verifyBundle(scratch.directory(files), { since })).toMatchObject({
      exit: 2,
      findings: [{ what: 'forked_history', index: 7 }],
    });
  });

  test('is refused when it is signed by someone else', () => {
    const since = signCheckpoint(7, emptyRoot, aSigner());
    expect(verifyBundle(scratch.directory(files), { since }).exit).toBe(5);
  });
});

describe('a bundle with other files', () => {
  test.each([
    'checkpoint',
    'checkpoints/0000000000000009',
    'keys/log.vkey',
    'tile/entries/000.p/28',
    'manifest.json',
    'manifest.note',
  ])('without %s is incomplete', (path) => {
    expect(verifyBundle(scratch.directory(withFiles({ [path]: undefined })))).toMatchObject({
      exit: 3,
      findings: [{ what: 'missing_file', file: path }],
    });
  });

  test('with a stray file names it', () => {
    const path = scratch.directory(withFiles({ 'keys/extra.vkey': Buffer.from('x') }));
    expect(verifyBundle(path)).toMatchObject({
      exit: 2,
      findings: [{ what: 'unlisted_file', file: 'keys/extra.vkey' }],
    });
  });

  test('with a symbolic link names it', () => {
    const path = scratch.directory(files);
    rmSync(join(path, 'policy.txt'));
    writeFileSync(join(scratch.path, 'outside'), 'x');
    symlinkSync(join(scratch.path, 'outside'), join(path, 'policy.txt'));
    expect(verifyBundle(path)).toMatchObject({
      exit: 2,
      findings: [{ what: 'not_a_regular_file', file: 'policy.txt' }],
    });
  });

  test('in another order is not the archive that was made', async () => {
    const [first, second, ...rest] = files;
    const path = scratch.archive(await archiveOf([second!, first!, ...rest]));
    expect(verifyBundle(path)).toMatchObject({ exit: 2, findings: [{ what: 'out_of_order' }] });
  });

  test('cut short is incomplete wherever the cut is', async () => {
    const archive = await archiveOf(files);
    for (const cut of [1, 511, 512, 1024, 1025, 5000, archive.length - 100, archive.length]) {
      expect(verifyBundle(scratch.archive(archive.subarray(0, archive.length - cut))).exit).toBe(3);
    }
  });

  test('with bytes after its end is refused', async () => {
    const path = scratch.archive(Buffer.concat([await archiveOf(files), Buffer.alloc(512)]));
    expect(verifyBundle(path)).toMatchObject({ exit: 2, findings: [{ what: 'archive_end' }] });
  });

  test('that does not exist is incomplete', () => {
    expect(verifyBundle(join(scratch.path, 'nowhere')).exit).toBe(3);
  });
});

describe('a forger without the log key', () => {
  test('who edits an event and writes the hashes anew is caught at the manifest', () => {
    const path = 'tile/entries/000.p/28';
    const edited = Buffer.from(files.find((file) => file.path === path)!.bytes);
    edited.write('usr_2', edited.indexOf('usr_1'));
    const manifest = parseManifest(files.find((file) => file.path === 'manifest.json')!.bytes)!;
    const forged = encodeManifest({
      ...manifest,
      files: manifest.files.map((file) => (file.path === path ? { ...file, sha256: fileHash(edited) } : file)),
    });
    const bundle = scratch.directory(withFiles({ [path]: edited, 'manifest.json': forged }));
    expect(verifyBundle(bundle)).toMatchObject({ exit: 2, findings: [{ file: 'manifest.json' }] });
  });
});

describe('a forger with the log key', () => {
  /** Signs whatever it is told to, as if the sequencer had been replaced. */
  const forge = async (made: readonly Buffer[], sizes: readonly number[] = []) =>
    verifyBundle(scratch.directory(await filesOf(snapshotOf(made, signer, sizes))));

  test.each<[string, () => Buffer[], string, number]>([
    ['deletes an event', () => entries.toSpliced(4, 1), 'seq_gap', 4],
    ['inserts an event', () => entries.toSpliced(4, 0, entries[9]!), 'seq_gap', 4],
    ['swaps two events', () => entries.with(3, entries[4]!).with(4, entries[3]!), 'seq_gap', 3],
    [
      'writes an event of another org',
      () => entriesOf(events.with(2, { ...events[2], org: 'other' })),
      'broken_schema',
      2,
    ],
    ['writes free text', () => entriesOf(events.with(2, { ...events[2], reason: 'trust me' })), 'broken_schema', 2],
    [
      'writes what is not canonical',
      () => entries.with(6, Buffer.concat([entries[6]!, Buffer.from(' ')])),
      'not_canonical',
      6,
    ],
  ])('who %s is named with the first bad index', async (_, made, what, index) => {
    expect(await forge(made())).toMatchObject({ exit: 2, findings: [{ what, index }] });
  });

  test('who keeps the old checkpoints over a changed past is named', async () => {
    const changed = entriesOf(events.with(2, { ...events[2], subject: 'usr_2' }));
    const honest = snapshotOf(entries, signer, [5, 9]).checkpoints;
    const forged = snapshotOf(changed, signer);
    const path = scratch.directory(
      await filesOf({ ...forged, checkpoints: [...honest.slice(0, 2), ...forged.checkpoints] }),
    );
    expect(verifyBundle(path)).toMatchObject({ exit: 2, findings: [{ what: 'inconsistent_checkpoint', index: 5 }] });
  });

  test('who repeats an id breaks the rules', async () => {
    expect(await forge(entriesOf([...events, events[13]!]))).toMatchObject({
      exit: 4,
      findings: [{ what: 'id_repeated' }],
    });
  });
});
