/** What every adapter of the bucket must do; called by each adapter's spec. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ObjectStore } from './object-store.ts';

export interface OpenedStore {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** Runs the suite over a fresh, empty store. */
export function objectStoreSuite(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a bucket`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    const bytes = (text: string): Buffer => Buffer.from(text);
    const read = async (key: string, range?: { offset: number; length: number }): Promise<string> =>
      Buffer.from(await store.get(key, range)).toString();

    test('gives back what was put, whole and by range', async () => {
      await store.put('a/b', bytes('0123456789'));
      expect(await read('a/b')).toBe('0123456789');
      expect(await read('a/b', { offset: 2, length: 3 })).toBe('234');
      expect(await read('a/b', { offset: 8, length: 9 })).toBe('89');
      expect(await read('a/b', { offset: 99, length: 1 })).toBe('');
      expect(await store.head('a/b')).toMatchObject({ size: 10 });
    });

    test('takes a stream', async () => {
      const parts = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes('ab');
        yield bytes('');
        yield bytes('c');
      };
      await store.put('streamed', parts());
      expect(await read('streamed')).toBe('abc');
    });

    test('keeps an object of no bytes', async () => {
      await store.put('nothing', bytes(''));
      expect(await store.head('nothing')).toMatchObject({ size: 0 });
      expect(await read('nothing')).toBe('');
    });

    test('keeps the old object when the new one breaks off', async () => {
      await store.put('kept', bytes('old'));
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes('ne');
        throw new Error('the line went dead');
      };
      await expect(store.put('kept', broken())).rejects.toThrow();
      expect(await read('kept')).toBe('old');
    });

    test('lets one of many writers be the first, and keeps what that one wrote', async () => {
      const writers = Array.from({ length: 20 }, (_, index) => `writer ${index}`);
      const all = await Promise.allSettled(writers.map((text) => store.put('first', bytes(text), { ifAbsent: true })));
      const won = writers.filter((_, index) => all[index]?.status === 'fulfilled');
      expect(won).toEqual([await read('first')]);
      const refusal = { reason: { code: 'failed_precondition', reason: 'store.object_changed' } };
      for (const lost of all.filter((it) => it.status === 'rejected')) expect(lost).toMatchObject(refusal);
    });

    const large = randomBytes(20 * 1024 * 1024 + 7);
    const inPieces = async function* (content: Uint8Array): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < content.length; at += 1_000_003) yield content.subarray(at, at + 1_000_003);
    };

    test('keeps a large stream byte for byte, and reads across every place in it', async () => {
      expect(await store.put('large', inPieces(large), { ifAbsent: true })).toMatchObject({ size: large.length });
      expect(large.equals(await store.get('large'))).toBe(true);
      for (const offset of [0, 8 * 1024 * 1024 - 3, 16 * 1024 * 1024 - 3, large.length - 5]) {
        const piece = await store.get('large', { offset, length: 6 });
        expect(Buffer.from(piece)).toEqual(large.subarray(offset, offset + 6));
      }
    });

    test('lets one of several large writers be the first', async () => {
      const all = await Promise.allSettled(
        [1, 2, 3].map(() => store.put('first-large', inPieces(large), { ifAbsent: true })),
      );
      expect(all.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
      expect(all.find((it) => it.status === 'rejected')).toMatchObject({ reason: { reason: 'store.object_changed' } });
      await expect(store.put('first-large', inPieces(large), { ifMatch: '"0"' })).rejects.toMatchObject({
        reason: 'store.object_changed',
      });
    });

    test('shows nothing of a large stream that breaks off', async () => {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield* inPieces(large.subarray(0, 18 * 1024 * 1024));
        throw new Error('the line went dead');
      };
      await expect(store.put('torn', broken())).rejects.toMatchObject({ reason: 'store.bucket' });
      expect(await store.head('torn')).toBeUndefined();
      await expect(store.get('torn')).rejects.toMatchObject({ reason: 'store.object_missing' });
      const keys: string[] = [];
      for await (const key of store.list('')) keys.push(key);
      expect(keys).not.toContain('torn');
    });

    test('shows whole objects only to those who read while others write', async () => {
      const versions = ['a', 'b'].map((text) => bytes(text.repeat(300_000)));
      await store.put('replaced', versions[0] ?? bytes(''));
      const writing = (async () => {
        for (let round = 0; round < 20; round += 1) await store.put('replaced', versions[round % 2] ?? bytes(''));
      })();
      for (let round = 0; round < 40; round += 1) {
        const seen = Buffer.from(await store.get('replaced'));
        expect(versions.some((version) => version.equals(seen))).toBe(true);
      }
      await writing;
    });

    test('says that an object is missing whatever is asked of it', async () => {
      const refusal = { code: 'not_found', reason: 'store.object_missing' };
      await expect(store.get('never', { offset: 0, length: 1 })).rejects.toMatchObject(refusal);
      await expect(store.get('never', { offset: 5, length: 0 })).rejects.toMatchObject(refusal);
      expect(await store.head('never')).toBeUndefined();
    });

    test('lets one of many writers replace a version', async () => {
      const { etag } = await store.put('versioned', bytes('1'));
      const all = await Promise.allSettled(
        ['2', '3', '4'].map((text) => store.put('versioned', bytes(text), { ifMatch: etag })),
      );
      expect(all.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
      expect((await store.head('versioned'))?.etag).not.toBe(etag);
      await expect(store.put('absent', bytes('x'), { ifMatch: etag })).rejects.toMatchObject({
        reason: 'store.object_changed',
      });
    });

    test('forgets what is deleted, and does not mind twice', async () => {
      await store.put('gone', bytes('x'));
      await store.delete('gone');
      await store.delete('gone');
      expect(await store.head('gone')).toBeUndefined();
      await expect(store.get('gone')).rejects.toMatchObject({ code: 'not_found', reason: 'store.object_missing' });
    });

    test('lists below a prefix in byte order', async () => {
      for (const key of ['list/b', 'list/a/2', 'list/a/1', 'list/a-x', 'listed']) await store.put(key, bytes('x'));
      const keys: string[] = [];
      for await (const key of store.list('list/')) keys.push(key);
      expect(keys).toEqual(['list/a-x', 'list/a/1', 'list/a/2', 'list/b']);
      const all: string[] = [];
      for await (const key of store.list('')) all.push(key);
      expect(all).toEqual(expect.arrayContaining([...keys, 'listed', 'large']));
      expect(all).toEqual([...all].sort());
      const nothing: string[] = [];
      for await (const key of store.list('nothing-below/')) nothing.push(key);
      expect(nothing).toEqual([]);
    });

    test.each(['list', '/', '../', 'a//', 'list/*/'])('refuses to list below %j', async (prefix) => {
      const listing = store.list(prefix)[Symbol.asyncIterator]();
      await expect(listing.next()).rejects.toMatchObject({ reason: 'store.object_key' });
    });

    const badKeys = [
      '',
      '/',
      '/etc/passwd',
      'a//b',
      'a/',
      '../x',
      'a/../b',
      '.',
      'a/./b',
      'a b',
      'a\0b',
      'a\\b',
      '~incoming/x',
      'ü',
      'x'.repeat(513),
    ];
    test.each(badKeys)('refuses the key %j', async (key) => {
      const refusal = { code: 'invalid_argument', reason: 'store.object_key' };
      await expect(store.put(key, bytes('x'))).rejects.toMatchObject(refusal);
      await expect(store.get(key)).rejects.toMatchObject(refusal);
      await expect(store.head(key)).rejects.toMatchObject(refusal);
      await expect(store.delete(key)).rejects.toMatchObject(refusal);
    });
  });
}
