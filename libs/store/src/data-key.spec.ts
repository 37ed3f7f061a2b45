import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RootKey } from './data-key.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sally-root-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function aFile(name: string, mode = 0o600, bytes = 32): string {
  const path = join(directory, name);
  writeFileSync(path, randomBytes(bytes));
  chmodSync(path, mode);
  return path;
}

describe('the root key', () => {
  const loose: readonly [string, () => string][] = [
    ['that is missing', () => join(directory, 'none')],
    ['that the group may read', () => aFile('group', 0o640)],
    ['that anyone may write', () => aFile('anyone', 0o602)],
    ['of 31 bytes', () => aFile('short', 0o600, 31)],
    ['of 33 bytes', () => aFile('long', 0o600, 33)],
    [
      'that is a symlink',
      () => {
        symlinkSync(aFile('target'), join(directory, 'link'));
        return join(directory, 'link');
      },
    ],
    [
      'that is a folder',
      () => {
        mkdirSync(join(directory, 'folder'), { mode: 0o700 });
        return join(directory, 'folder');
      },
    ],
  ];
  test.each(loose)('file %s is refused', async (_what, make) => {
    await expect(RootKey.read(make())).rejects.toMatchObject({ code: 'failed_precondition', reason: 'store.root_key' });
  });

  test('has no readable form', async () => {
    const root = await RootKey.read(aFile('hidden'));
    expect(JSON.stringify(root)).toBe('{}');
  });
});

describe('a data key', () => {
  test('opens under its root key and context, to the same 32 bytes', async () => {
    const root = await RootKey.read(aFile('root'));
    const wrapped = root.createDataKey(['acme', 'demo']);
    const key = root.unwrap(wrapped, ['acme', 'demo']);
    expect(key).toHaveLength(32);
    expect(root.unwrap(wrapped, ['acme', 'demo']).equals(key)).toBe(true);
    expect(root.unwrap(root.createDataKey(['acme', 'demo']), ['acme', 'demo']).equals(key)).toBe(false);
    expect(wrapped.includes(key)).toBe(false);
  });

  test.each([
    ['another context', (wrapped: Buffer) => wrapped, ['acme', 'other']],
    ['a context cut elsewhere', (wrapped: Buffer) => wrapped, ['acmed', 'emo']],
    [
      'a flipped byte',
      (wrapped: Buffer) => Buffer.from(wrapped.map((byte, at) => (at === 20 ? byte ^ 1 : byte))),
      ['acme', 'demo'],
    ],
    [
      'another version',
      (wrapped: Buffer) => Buffer.from(wrapped.map((byte, at) => (at === 0 ? 2 : byte))),
      ['acme', 'demo'],
    ],
    ['a byte missing', (wrapped: Buffer) => wrapped.subarray(0, -1), ['acme', 'demo']],
  ])('does not open with %s', async (_what, change, context) => {
    const root = await RootKey.read(aFile('root-2'));
    const wrapped = change(root.createDataKey(['acme', 'demo']));
    expect(() => root.unwrap(wrapped, context)).toThrow(
      expect.objectContaining({ code: 'internal', reason: 'store.data_key' }),
    );
  });

  test('does not open under another root key', async () => {
    const [one, two] = [await RootKey.read(aFile('one')), await RootKey.read(aFile('two'))];
    expect(() => two.unwrap(one.createDataKey(['a']), ['a'])).toThrow(
      expect.objectContaining({ reason: 'store.data_key' }),
    );
  });
});
