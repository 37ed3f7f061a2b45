import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DirectoryStore } from '@sallyport/store/directory-store';
import { bucketEnv, bucketName, chooseBucket, parseBucket } from './bucket.ts';
import type { Layout } from './layout.ts';

const keys = { SALLY_S3_ACCESS_KEY_FILE: '/keys/access', SALLY_S3_SECRET_KEY_FILE: '/keys/secret' };

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function aLayout(): Layout {
  const data = mkdtempSync(join(tmpdir(), 'sally-layout-'));
  folders.push(data);
  mkdirSync(join(data, 'bucket'));
  return { data, bucket: join(data, 'bucket'), bucketChoice: join(data, 'bucket.json') } as Layout;
}

describe('a bucket as a person says it', () => {
  test.each([
    ['dir:/var/bucket', 'dir:/var/bucket'],
    ['s3:sallyport', 's3:sallyport'],
    ['s3:sallyport/team/a', 's3:sallyport/team/a'],
  ])('is understood: %s', (text, name) => {
    expect(bucketName(parseBucket(text, keys))).toBe(name);
  });

  test.each(['', 'dir:', 's3:', 's3:Upper', 's3:a', 's3://sallyport', 'gs:sallyport', '/var/bucket', 's3:sally port'])(
    'is refused: %j',
    (text) => {
      expect(() => parseBucket(text, keys)).toThrow(expect.objectContaining({ reason: 'start.usage' }));
    },
  );

  test.each(Object.keys(keys))('is refused without %s', (name) => {
    expect(() => parseBucket('s3:sallyport', { ...keys, [name]: undefined })).toThrow(
      expect.objectContaining({ reason: 'start.usage' }),
    );
  });

  test('tells the service where keys are and never what they hold', () => {
    expect(bucketEnv(parseBucket('s3:sallyport/a', { ...keys, SALLY_S3_ENDPOINT: 'https://s3' }))).toEqual({
      SALLY_S3_BUCKET: 'sallyport',
      SALLY_S3_PREFIX: 'a',
      SALLY_S3_REGION: 'us-east-1',
      SALLY_S3_ENDPOINT: 'https://s3',
      ...keys,
    });
  });
});

describe('the bucket of an installation', () => {
  test('is the folder beside the data, and stays what was chosen', async () => {
    const layout = aLayout();
    expect(await chooseBucket(layout, undefined)).toEqual({ kind: 'directory', path: layout.bucket });
    const other = { kind: 'directory', path: join(layout.data, 'other') } as const;
    await chooseBucket(layout, other);
    expect(await chooseBucket(layout, undefined)).toEqual(other);
    await chooseBucket(layout, { kind: 'directory', path: layout.bucket });
    expect(await chooseBucket(layout, undefined)).toEqual({ kind: 'directory', path: layout.bucket });
  });

  test('is not changed to one that lacks an object', async () => {
    const layout = aLayout();
    const [before, after] = [layout.bucket, join(layout.data, 'other')];
    const [old, fresh] = [await DirectoryStore.open(before), await DirectoryStore.open(after)];
    for (const key of ['a', 'b/c', 'd']) await old.put(key, Buffer.from(key));
    for (const key of ['a', 'b/a', 'd', 'e']) await fresh.put(key, Buffer.from(key));
    await expect(chooseBucket(layout, { kind: 'directory', path: after })).rejects.toMatchObject({
      reason: 'start.bucket_behind',
      detail: { missing: '1' },
    });
    expect(await chooseBucket(layout, undefined)).toEqual({ kind: 'directory', path: before });
    await fresh.put('b/c', Buffer.from('b/c'));
    await chooseBucket(layout, { kind: 'directory', path: after });
    expect(await chooseBucket(layout, undefined)).toEqual({ kind: 'directory', path: after });
  });

  test('is not guessed when what was remembered cannot be read', async () => {
    const layout = aLayout();
    writeFileSync(layout.bucketChoice, '{');
    await expect(chooseBucket(layout, undefined)).rejects.toMatchObject({ reason: 'start.data_corrupt' });
  });
});
