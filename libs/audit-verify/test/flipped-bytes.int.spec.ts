import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BundleFile } from '../src/tar.ts';
import { verifyBundle } from '../src/verify-bundle.ts';
import { aRun, archiveOf, aSigner, entriesOf, filesOf, Scratch, snapshotOf } from './sample-log.ts';

const scratch = new Scratch();
const signer = aSigner();
let files: BundleFile[] = [];
let archive: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  files = await filesOf(snapshotOf(entriesOf(aRun()), signer, [3]));
  archive = await archiveOf(files);
});
afterAll(() => scratch.remove());

const flip = (bytes: Uint8Array, at: number, mask: number): Buffer => {
  const changed = Buffer.from(bytes);
  changed[at]! ^= mask;
  return changed;
};

const bin = join(import.meta.dirname, '..', 'bin', 'sally-audit.mjs');
const second = join(import.meta.dirname, 'second-verifier.py');

describe('one flipped byte', () => {
  test('anywhere in any file of a directory is named by that file', () => {
    const path = scratch.directory(files);
    for (const file of files) {
      for (let at = 0; at < file.bytes.length; at += 1) {
        writeFileSync(join(path, file.path), flip(file.bytes, at, 1 << (at % 8)));
        const report = verifyBundle(path, { logKey: signer.vkey });
        expect({ at, exit: report.exit, file: report.findings[0]?.file }).toEqual({ at, exit: 2, file: file.path });
      }
      writeFileSync(join(path, file.path), file.bytes);
    }
    expect(verifyBundle(path).exit).toBe(0);
  });

  test('anywhere in an archive, its headers and padding included, is found', () => {
    const path = scratch.archive(archive);
    const unnamed: number[] = [];
    for (let at = 0; at < archive.length; at += 1) {
      writeFileSync(path, flip(archive, at, 1 << (at % 8)));
      const report = verifyBundle(path);
      if (report.exit !== 2 || report.findings[0]?.file === undefined) unnamed.push(at);
    }
    expect(unnamed).toEqual([]);
  });
});

describe('an implementation in another language', () => {
  test('comes to the same root', () => {
    const path = scratch.archive(archive);
    const answer: unknown = JSON.parse(execFileSync('python3', [second, path], { encoding: 'utf8' }));
    expect(answer).toMatchObject({ size: 14, root: verifyBundle(path).root });
  });

  test('refuses the same changed entries', () => {
    const at = archive.indexOf('usr_1');
    const path = scratch.archive(flip(archive, at, 1));
    expect(spawnSync('python3', [second, path]).status).toBe(2);
    expect(verifyBundle(path)).toMatchObject({ exit: 2, findings: [{ file: 'tile/entries/000.p/14', index: 0 }] });
  });
});

describe('sally-audit', () => {
  const run = (...argv: string[]) => spawnSync(process.execPath, [bin, ...argv], { encoding: 'utf8' });

  test.each<[number, () => string[]]>([
    [0, () => ['verify', scratch.archive(archive)]],
    [0, () => ['--help']],
    [1, () => ['verify']],
    [1, () => ['verify', 'a', '--no-such-flag']],
    [2, () => ['verify', scratch.archive(flip(archive, 600, 1))]],
    [3, () => ['verify', join(scratch.path, 'nowhere')]],
    [5, () => ['verify', scratch.archive(archive), '--log-key', aSigner().vkey]],
  ])('exits with %i', (exit, argv) => {
    expect(run(...argv()).status).toBe(exit);
  });

  test('answers in JSON when asked', () => {
    const report: unknown = JSON.parse(run('verify', scratch.directory(files), '-o', 'json').stdout);
    expect(report).toMatchObject({ verdict: 'ok', exit: 0, size: 14, findings: [] });
  });
});
