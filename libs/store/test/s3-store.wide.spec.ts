import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { S3Server } from '../../../tools/wide/s3-server.ts';
import { objectStoreSuite } from '../src/object-store.suite.ts';
import { type S3Bounds, type S3Settings, s3Bounds } from '../src/s3-client.ts';
import { S3Store } from '../src/s3-store.ts';
import { FakeS3, type Mischief } from './fake-s3.ts';

const started = S3Server.start();
const close: (() => Promise<void> | void)[] = [];

afterAll(async () => {
  for (const end of close.reverse()) await end();
  await (await started).stop();
});

let buckets = 0;
const aBucket = async (): Promise<S3Settings> => {
  buckets += 1;
  return await (await started).bucket(`bucket-${buckets}`);
};

const opened = async (settings: S3Settings, bounds?: S3Bounds): Promise<S3Store> => {
  const store = await S3Store.open(settings, bounds);
  close.push(() => store.close());
  return store;
};

objectStoreSuite('S3Store', async () => {
  const store = await S3Store.open(await aBucket());
  return { store, close: async () => store.close() };
});

objectStoreSuite('S3Store below a prefix', async () => {
  const store = await S3Store.open({ ...(await aBucket()), prefix: 'one/installation' });
  return { store, close: async () => store.close() };
});

const keysOf = async (store: S3Store, prefix = ''): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
};

describe('S3Store', () => {
  test('keeps what is below one prefix apart from what is below another', async () => {
    const settings = await aBucket();
    const [one, two] = [await opened({ ...settings, prefix: 'one' }), await opened({ ...settings, prefix: 'two' })];
    await one.put('a/b', Buffer.from('1'));
    expect(await two.head('a/b')).toBeUndefined();
    expect([await keysOf(one), await keysOf(two)]).toEqual([['a/b'], []]);
  });

  test('lists beyond one page', async () => {
    const store = await opened(await aBucket());
    const keys = Array.from({ length: 1_015 }, (_, index) => `many/${String(index).padStart(5, '0')}`);
    for (let at = 0; at < keys.length; at += 40)
      await Promise.all(keys.slice(at, at + 40).map((key) => store.put(key, Buffer.from('x'))));
    expect(await keysOf(store, 'many/')).toEqual(keys);
  });

  test('leaves no parts of an upload that broke off', async () => {
    const settings = await aBucket();
    const store = await opened(settings);
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < 20; sent += 1) yield Buffer.alloc(1024 * 1024);
      throw new Error('the line went dead');
    };
    await expect(store.put('torn', broken())).rejects.toMatchObject({ reason: 'store.bucket' });
    const client = (await started).client();
    close.push(() => client.destroy());
    const left = await client.send(new ListMultipartUploadsCommand({ Bucket: settings.bucket }));
    expect(left.Uploads ?? []).toEqual([]);
  });

  test('aborts what a crash left a day ago, and nothing younger', async () => {
    const settings = await aBucket();
    const client = (await started).client();
    close.push(() => client.destroy());
    const uploads = async (): Promise<number> =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket: settings.bucket }))).Uploads?.length ?? 0;
    await client.send(new CreateMultipartUploadCommand({ Bucket: settings.bucket, Key: 'torn' }));
    (await S3Store.open(settings, s3Bounds)).close();
    expect(await uploads()).toBe(1);
    (await S3Store.open(settings, s3Bounds, new FakeClock(Date.now() + 25 * 60 * 60 * 1000))).close();
    expect(await uploads()).toBe(0);
  });

  test('does not show what is not an object of the product', async () => {
    const settings = await aBucket();
    const client = (await started).client();
    close.push(() => client.destroy());
    await client.send(new PutObjectCommand({ Bucket: settings.bucket, Key: 'by hand.txt', Body: 'x' }));
    expect(await keysOf(await opened(settings))).toEqual([]);
  });

  test('says that an object is altered when the server knows its sum, and serves nothing of it', async () => {
    const settings = await aBucket();
    const store = await opened(settings);
    await store.put('a/altered', Buffer.from('as it was put'));
    const file = join((await started).filesOf(settings.bucket), 'a', 'altered');
    const content = readFileSync(file);
    content[3] = (content[3] ?? 0) ^ 1;
    writeFileSync(file, content);
    await expect(store.get('a/altered')).rejects.toMatchObject({ code: 'internal', reason: 'store.object_damaged' });
  });
});

describe('opening a bucket', () => {
  const refusal = { code: 'unavailable', reason: 'store.bucket' };

  test('refuses one that does not exist', async () => {
    const settings = (await started).settings('no-such-bucket');
    await expect(S3Store.open(settings)).rejects.toMatchObject(refusal);
  });

  test('refuses a server that does not answer', async () => {
    const settings = (await started).settings('bucket', 'http://127.0.0.1:9');
    await expect(S3Store.open(settings)).rejects.toMatchObject(refusal);
  });

  test('refuses credentials the server does not know, and says no part of them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sally-keys-'));
    close.push(() => rmSync(folder, { recursive: true, force: true }));
    const secretKeyFile = join(folder, 'secret');
    writeFileSync(secretKeyFile, 'another-secret-value', { mode: 0o600 });
    const fault = await S3Store.open({ ...(await aBucket()), secretKeyFile }).catch((error: unknown) => error);
    expect(fault).toMatchObject(refusal);
    const { message, detail, cause } = fault as { message: string; detail: unknown; cause: Error };
    const said = JSON.stringify([message, detail, cause.message, cause.stack]);
    expect(said).not.toContain('another-secret-value');
    expect(Object.keys(cause)).toEqual([]);
  });

  test.each([
    ['open to others', (file: string) => chmodSync(file, 0o644)],
    ['missing', (file: string) => rmSync(file)],
    ['empty', (file: string) => writeFileSync(file, '')],
    ['of several lines', (file: string) => writeFileSync(file, 'a\nb')],
  ])('refuses a key file that is %s', async (_, spoil) => {
    const folder = mkdtempSync(join(tmpdir(), 'sally-keys-'));
    close.push(() => rmSync(folder, { recursive: true, force: true }));
    const accessKeyFile = join(folder, 'access');
    writeFileSync(accessKeyFile, 'access', { mode: 0o600 });
    spoil(accessKeyFile);
    await expect(S3Store.open({ ...(await aBucket()), accessKeyFile })).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'store.bucket_credentials',
    });
  });
});

describe('a bad line to the server', () => {
  let line: FakeS3;
  let settings: S3Settings;
  let store: S3Store;
  const bounds: S3Bounds = { ...s3Bounds, silenceMs: 500, answerMs: 1_000, wholeMs: 20_000 };
  const big = Buffer.alloc(10 * 1024 * 1024, 'sally');

  beforeAll(async () => {
    line = await FakeS3.before((await started).endpoint);
    settings = { ...(await aBucket()), endpoint: line.endpoint };
    store = await opened(settings, bounds);
    close.push(() => line.close());
  });

  afterEach(() => line.befall());

  const befall = (on: RegExp, times: number, what: Mischief['what']): void => line.befall({ on, times, what });
  /** What the server holds, asked over a good line. */
  const held = async (key: string): Promise<string | undefined> => {
    const direct = await opened({ ...settings, endpoint: (await started).endpoint });
    return (await direct.head(key)) === undefined ? undefined : Buffer.from(await direct.get(key)).toString();
  };

  test.each([
    ['a busy server', { answer: 503, code: 'SlowDown' }],
    ['a failing server', { answer: 500, code: 'InternalError' }],
    ['a conflict with another write', { answer: 409, code: 'ConditionalRequestConflict' }],
    ['a request cut off', { cutRequest: 3 }],
    ['a byte changed on the way up', { flipRequest: 2 }],
    ['a lost answer', { loseAnswer: true }],
    ['silence', { silence: true }],
  ] as const)('writes once all the same: %s', async (name, what) => {
    const key = `written/${name.replaceAll(' ', '-')}`;
    befall(new RegExp(`^PUT .*${key}`), 2, what);
    await store.put(key, Buffer.from('0123456789'), { ifAbsent: true });
    expect(await held(key)).toBe('0123456789');
    await expect(store.put(key, Buffer.from('another'), { ifAbsent: true })).rejects.toMatchObject({
      reason: 'store.object_changed',
    });
  });

  test('takes a replacement whose answer was lost for its own', async () => {
    const { etag } = await store.put('replaced', Buffer.from('1'));
    befall(/^PUT .*replaced/, 1, { loseAnswer: true });
    await store.put('replaced', Buffer.from('2'), { ifMatch: etag });
    expect(await held('replaced')).toBe('2');
  });

  test('takes a large object whose completion was answered into the void for its own', async () => {
    befall(/^POST .*completed.*uploadId/, 1, { loseAnswer: true });
    expect(await store.put('completed', big, { ifAbsent: true })).toMatchObject({ size: big.length });
    expect(await store.head('completed')).toMatchObject({ size: big.length });
  });

  test.each([
    ['parts never arriving', /^PUT .*partNumber=2/, { cutRequest: 1000 }],
    ['parts always changed', /^PUT .*partNumber=1/, { flipRequest: 77 }],
    ['completion refused', /^POST .*uploadId/, { answer: 503, code: 'SlowDown' }],
    ['the start refused', /^POST .*uploads/, { answer: 403, code: 'AccessDenied' }],
  ] as const)('shows nothing of a large object: %s', async (name, on, what) => {
    const key = `torn/${name.replaceAll(' ', '-')}`;
    befall(on, 1_000, what);
    await expect(store.put(key, big)).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
    line.befall();
    expect(await held(key)).toBeUndefined();
    const client = (await started).client();
    close.push(() => client.destroy());
    const left = await client.send(new ListMultipartUploadsCommand({ Bucket: settings.bucket }));
    expect((left.Uploads ?? []).map((it) => it.Key)).not.toContain(key);
  });

  test.each([
    ['a busy server', { answer: 503, code: 'SlowDown' }],
    ['an answer cut off', { cutAnswer: 4 }],
    ['silence', { silence: true }],
    ['an answer made shorter', { shortenAnswer: 4 }],
  ] as const)('reads a range whole all the same: %s', async (_, what) => {
    await store.put('read', Buffer.from('0123456789'));
    befall(/^GET .*read/, 2, what);
    expect(Buffer.from(await store.get('read', { offset: 1, length: 8 })).toString()).toBe('12345678');
  });

  test.each([
    ['cut off', { cutAnswer: 4 }, 'store.bucket'],
    ['made shorter', { shortenAnswer: 4 }, 'store.object_damaged'],
    ['changed', { flipAnswer: 4 }, 'store.object_damaged'],
  ] as const)('serves nothing of an answer that is always %s', async (_, what, reason) => {
    await store.put('read-badly', Buffer.from('0123456789'));
    befall(/^GET .*read-badly/, 1_000, what);
    await expect(store.get('read-badly')).rejects.toMatchObject({ reason });
    line.befall();
    expect(Buffer.from(await store.get('read-badly')).toString()).toBe('0123456789');
  });

  test('does not take a bucket that is gone for a missing object', async () => {
    befall(/^HEAD /, 1_000, { answer: 404, code: 'NotFound' });
    await expect(store.head('anything')).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
    befall(/^GET /, 1_000, { answer: 404, code: 'NoSuchBucket' });
    await expect(store.get('anything')).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
  });

  test.each([
    ['put', () => store.put('x', Buffer.from('x'))],
    ['get', () => store.get('x')],
    ['head', () => store.head('x')],
    ['delete', () => store.delete('x')],
    ['list', () => keysOf(store)],
  ])('says which bucket failed when credentials are withdrawn: %s', async (_, ask) => {
    befall(/./, 1_000, { answer: 403, code: 'AccessDenied' });
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
  });

  test('gives up on a server that never answers', async () => {
    befall(/./, 1_000, { silence: true });
    await expect(store.get('read')).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
  });

  test('refuses a server that ignores conditions', async () => {
    const careless = await FakeS3.before((await started).endpoint);
    close.push(() => careless.close());
    careless.befall({ on: /conditions/, times: 1_000, what: { answer: 200, code: '' } });
    await expect(S3Store.open({ ...settings, endpoint: careless.endpoint })).rejects.toMatchObject({
      reason: 'store.bucket',
    });
  });
});
