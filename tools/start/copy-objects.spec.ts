import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { DirectoryStore } from '@sallyport/store/directory-store';
import type { ObjectBody, ObjectHead, ObjectStore } from '@sallyport/store/object-store';
import { copyObjects } from './copy-objects.ts';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

async function aStore(content: Readonly<Record<string, string>> = {}): Promise<DirectoryStore> {
  const folder = mkdtempSync(join(tmpdir(), 'sally-copy-'));
  made.push(folder);
  const store = await DirectoryStore.open(folder);
  for (const [key, text] of Object.entries(content)) await store.put(key, Buffer.from(text));
  return store;
}

async function contentOf(store: ObjectStore): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for await (const key of store.list('')) content[key] = Buffer.from(await store.get(key)).toString();
  return content;
}

/** A bucket whose writes do what a test says. */
class FakeBucket implements ObjectStore {
  readonly #real: ObjectStore;
  readonly #write: (real: ObjectStore, key: string, body: ObjectBody) => Promise<ObjectHead>;

  constructor(real: ObjectStore, write: (real: ObjectStore, key: string, body: ObjectBody) => Promise<ObjectHead>) {
    this.#real = real;
    this.#write = write;
  }

  put(key: string, body: ObjectBody): Promise<ObjectHead> {
    return this.#write(this.#real, key, body);
  }

  get = (...args: Parameters<ObjectStore['get']>): Promise<Uint8Array> => this.#real.get(...args);
  head = (key: string): Promise<ObjectHead | undefined> => this.#real.head(key);
  delete = (key: string): Promise<void> => this.#real.delete(key);
  list = (prefix: string): AsyncIterable<string> => this.#real.list(prefix);
}

const content = { 'org/a/1': 'one', 'org/a/2': '', 'org/b/3': 'x'.repeat(100_000), top: 'level' };

describe('a copy of a bucket', () => {
  test('holds every object, and a second copy changes nothing', async () => {
    const [from, to] = [await aStore(content), await aStore()];
    expect(await copyObjects(from, to)).toEqual({ copied: 4, present: 0, differing: [] });
    expect(await contentOf(to)).toEqual(content);
    expect(await copyObjects(from, to)).toEqual({ copied: 0, present: 4, differing: [] });
  });

  test('leaves what differs, whether in size or in a byte, and copies the rest', async () => {
    const [from, to] = [await aStore(content), await aStore({ 'org/a/1': 'ONE', top: 'another level' })];
    expect(await copyObjects(from, to)).toEqual({ copied: 2, present: 0, differing: ['org/a/1', 'top'] });
    expect(await contentOf(to)).toEqual({ ...content, 'org/a/1': 'ONE', top: 'another level' });
  });

  test('leaves what is only in the target', async () => {
    const [from, to] = [await aStore(content), await aStore({ 'org/z': 'kept' })];
    await copyObjects(from, to);
    expect(await contentOf(to)).toEqual({ ...content, 'org/z': 'kept' });
  });

  test('goes on where it broke off', async () => {
    const [from, to] = [await aStore(content), await aStore()];
    let left = 2;
    const failing = new FakeBucket(to, (real, key, body) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('the line went dead')) : real.put(key, body, { ifAbsent: true });
    });
    await expect(copyObjects(from, failing)).rejects.toThrow();
    expect(await copyObjects(from, to)).toMatchObject({ differing: [] });
    expect(await contentOf(to)).toEqual(content);
  });

  test('takes back what does not read back as it was sent', async () => {
    const [from, to] = [await aStore({ a: 'as it is' }), await aStore()];
    const altering = new FakeBucket(to, (real, key) => real.put(key, Buffer.from('as it ix'), { ifAbsent: true }));
    await expect(copyObjects(from, altering)).rejects.toMatchObject({ reason: 'objects.damaged_on_the_way' });
    expect(await contentOf(to)).toEqual({});
  });

  test('does not overwrite what another writes meanwhile', async () => {
    const [from, to] = [await aStore({ a: 'ours' }), await aStore()];
    const raced = new FakeBucket(to, async (real, key, body) => {
      await real.put(key, Buffer.from('theirs'));
      return await real.put(key, body, { ifAbsent: true });
    });
    expect(await copyObjects(from, raced)).toEqual({ copied: 0, present: 0, differing: ['a'] });
    expect(await contentOf(to)).toEqual({ a: 'theirs' });
  });
});
