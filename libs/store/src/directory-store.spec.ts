import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { DirectoryStore } from './directory-store.ts';
import { objectStoreSuite } from './object-store.suite.ts';

const made: string[] = [];

function aDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sally-bucket-'));
  made.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

objectStoreSuite('DirectoryStore', async () => ({
  store: await DirectoryStore.open(aDirectory()),
  close: () => Promise.resolve(),
}));

describe('DirectoryStore', () => {
  test('leaves nothing under way behind, and drops what a crash left', async () => {
    const root = aDirectory();
    const store = await DirectoryStore.open(root);
    await store.put('a/b', Buffer.from('x'));
    await expect(store.put('a/b', Buffer.from('y'), { ifAbsent: true })).rejects.toMatchObject({
      reason: 'store.object_changed',
    });
    expect(readdirSync(join(root, '~incoming'))).toEqual([]);
    writeFileSync(join(root, '~incoming', 'torn'), 'half');
    const again = await DirectoryStore.open(root);
    expect(readdirSync(join(root, '~incoming'))).toEqual([]);
    expect(Buffer.from(await again.get('a/b')).toString()).toBe('x');
  });

  test('keeps objects from other users', async () => {
    const root = aDirectory();
    await (await DirectoryStore.open(root)).put('a/b', Buffer.from('x'));
    expect([statSync(join(root, 'a')).mode & 0o077, statSync(join(root, 'a/b')).mode & 0o077]).toEqual([0, 0]);
  });

  test('says so when it cannot be used', async () => {
    const root = aDirectory();
    writeFileSync(join(root, 'file'), '');
    await expect(DirectoryStore.open(join(root, 'file'))).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'store.bucket',
    });
  });
});
