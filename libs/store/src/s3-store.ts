/**
 * A bucket of an S3 server.
 *
 * An object appears by one PutObject or one CompleteMultipartUpload, so nobody sees a part of one. Conditions are the server's
 * (`If-None-Match`, `If-Match`): they hold among any number of writers anywhere, and a server that ignores them is refused when the
 * bucket is opened. Each write carries a mark of its own, so that a write whose answer was lost is not taken for another's when its
 * repetition meets it.
 */

import { randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import {
  type ByteRange,
  bucketFailed,
  checkKey,
  checkPrefix,
  isKey,
  type ObjectBody,
  type ObjectHead,
  type ObjectStore,
  objectChanged,
  objectDamaged,
  objectMissing,
  type PutConditions,
} from './object-store.ts';
import { type S3Bounds, type S3Settings, s3Bounds, s3Client } from './s3-client.ts';
import { checkConditions, conditionsOf } from './s3-conditions.ts';
import {
  isChecksumMismatch,
  isConflict,
  isDamagedOnTheWay,
  isMissing,
  isPastEnd,
  isRefusedCondition,
  isUploadGone,
  s3Failed,
} from './s3-failure.ts';
import { dropTornUploads, putParts } from './s3-upload.ts';

/** Bytes up to which an object goes with one request, and of each part of a larger one. */
const partBytes = 8 * 1024 * 1024;

/** How often a request is sent again for what the client does not repeat by itself. */
const rounds = 4;

/** Where a write's own mark is kept beside the object. */
const markName = 'sallyport-write';

export class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #root: string;
  readonly #bounds: S3Bounds;

  private constructor(client: S3Client, { bucket, prefix }: S3Settings, bounds: S3Bounds) {
    this.#client = client;
    this.#bucket = bucket;
    this.#root = prefix === undefined ? '' : `${prefix}/`;
    this.#bounds = bounds;
  }

  /**
   * Opens a bucket that exists, and aborts uploads that a crash left a day ago or earlier.
   *
   * @throws Fault `store.bucket` when it cannot be used or does not hold conditional writes; `store.bucket_credentials`.
   */
  static async open(settings: S3Settings, bounds = s3Bounds, clock: Clock = systemClock): Promise<S3Store> {
    const client = await s3Client(settings, bounds);
    const store = new S3Store(client, settings, bounds);
    const place = { client, bucket: settings.bucket, root: store.#root, signal: () => store.#signal() };
    try {
      await checkConditions(place);
      await dropTornUploads(place, clock);
    } catch (error) {
      client.destroy();
      throw error instanceof Fault ? error : s3Failed('be opened', error);
    }
    return store;
  }

  /** Ends its connections. */
  close(): void {
    this.#client.destroy();
  }

  async put(key: string, body: ObjectBody, conditions: PutConditions = {}): Promise<ObjectHead> {
    checkKey(key);
    const parts = partsOf(body);
    try {
      const first = await parts.next();
      const second = await parts.next();
      if (first.done === true) throw new Error('a body has at least one part');
      if (second.done === true) return await this.#putWhole(key, first.value, conditions);
      return await this.#putParts(key, joined([first.value, second.value], parts), conditions);
    } catch (error) {
      throw error instanceof Fault ? error : bucketFailed('write', error);
    } finally {
      await parts.return(undefined);
    }
  }

  async get(key: string, range?: ByteRange): Promise<Uint8Array> {
    checkKey(key);
    if (range?.length === 0) {
      if ((await this.head(key)) === undefined) throw objectMissing(key);
      return new Uint8Array();
    }
    try {
      return await this.#again(
        (error) => error instanceof BrokenBody,
        () => this.#read(key, range),
      );
    } catch (thrown) {
      const error = thrown instanceof BrokenBody ? thrown.cause : thrown;
      if (isPastEnd(error)) return new Uint8Array();
      if (isMissing(error)) throw objectMissing(key);
      if (isChecksumMismatch(error)) throw objectDamaged(key);
      throw s3Failed('read', error);
    }
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return (await this.#describe(checkKey(key)))?.head;
  }

  async delete(key: string): Promise<void> {
    const object = { Bucket: this.#bucket, Key: this.#root + checkKey(key) };
    await this.#client.send(new DeleteObjectCommand(object), this.#signal()).catch((error: unknown) => {
      if (!isMissing(error)) throw s3Failed('delete', error);
    });
  }

  async *list(prefix: string): AsyncIterable<string> {
    const Prefix = this.#root + checkPrefix(prefix);
    let last = '';
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#client
        .send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, ContinuationToken }), this.#signal())
        .catch((error: unknown) => {
          throw s3Failed('be listed', error);
        });
      for (const { Key = '' } of page.Contents ?? []) {
        const key = Key.slice(this.#root.length);
        if (!isKey(key)) continue;
        if (key <= last) throw s3Failed('be listed', new Error('the server does not list in byte order'));
        last = key;
        yield key;
      }
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  async #putWhole(key: string, bytes: Uint8Array, conditions: PutConditions): Promise<ObjectHead> {
    const mark = randomUUID();
    const request = {
      Bucket: this.#bucket,
      Key: this.#root + key,
      Body: bytes,
      ChecksumAlgorithm: 'CRC32' as const,
      Metadata: { [markName]: mark },
      ...conditionsOf(conditions),
    };
    try {
      const { ETag } = await this.#again(
        (error) => isConflict(error) || isDamagedOnTheWay(error),
        () => this.#client.send(new PutObjectCommand(request), this.#signal()),
      );
      return { size: bytes.length, etag: tagOf(ETag) };
    } catch (error) {
      return await this.#settle(key, mark, conditions, error);
    }
  }

  async #putParts(key: string, parts: AsyncIterable<Uint8Array>, conditions: PutConditions): Promise<ObjectHead> {
    const mark = randomUUID();
    try {
      const { size, etag } = await putParts({
        client: this.#client,
        object: { Bucket: this.#bucket, Key: this.#root + key },
        metadata: { [markName]: mark },
        conditions,
        parts,
        signal: () => this.#signal(),
        send: (work) => this.#again(isDamagedOnTheWay, work),
      });
      return { size, etag: tagOf(etag) };
    } catch (error) {
      return await this.#settle(key, mark, conditions, error);
    }
  }

  /** What a failed write came to: ours after all, another's that was there first, or a failure. */
  async #settle(key: string, mark: string, conditions: PutConditions, error: unknown): Promise<ObjectHead> {
    const conditional = conditions.ifAbsent === true || conditions.ifMatch !== undefined;
    const refused = conditional && (isConflict(error) || isRefusedCondition(error, conditions.ifMatch !== undefined));
    if (refused || isUploadGone(error)) {
      const found = await this.#describe(key);
      if (found?.mark === mark) return found.head;
    }
    if (refused) throw objectChanged(key);
    throw error instanceof Fault ? error : s3Failed('write', error);
  }

  async #describe(key: string): Promise<{ readonly head: ObjectHead; readonly mark: string | undefined } | undefined> {
    const object = { Bucket: this.#bucket, Key: this.#root + key };
    try {
      const found = await this.#client.send(new HeadObjectCommand(object), this.#signal());
      return {
        head: { size: found.ContentLength ?? 0, etag: tagOf(found.ETag) },
        mark: found.Metadata?.[markName],
      };
    } catch (error) {
      if (!isMissing(error)) throw s3Failed('be read', error);
    }
    // A bare 404 does not say whether the object is missing or the whole bucket; only the first is an answer.
    await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), this.#signal()).catch((error: unknown) => {
      throw s3Failed('be read', error);
    });
    return undefined;
  }

  async #read(key: string, range: ByteRange | undefined): Promise<Uint8Array> {
    const found = await this.#client.send(
      new GetObjectCommand({
        Bucket: this.#bucket,
        Key: this.#root + key,
        ...(range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
      }),
      this.#signal(),
    );
    try {
      return wholeAnswer(found, (await found.Body?.transformToByteArray()) ?? new Uint8Array(), range);
    } catch (cause) {
      throw new BrokenBody('the body of an answer is not whole', { cause });
    }
  }

  async #again<T>(worthIt: (error: unknown) => boolean, work: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round += 1) {
      try {
        return await work();
      } catch (error) {
        if (round >= rounds || !worthIt(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** round));
      }
    }
  }

  readonly #signal = (): { readonly abortSignal: AbortSignal } => ({
    abortSignal: AbortSignal.timeout(this.#bounds.wholeMs),
  });
}

/** An answer that began well and did not end so; the client itself repeats only what did not begin. */
class BrokenBody extends Error {
  override readonly name = 'BrokenBody';
}

/** The bytes asked for and no fewer, whatever the server or something before it made of the answer. */
function wholeAnswer(found: GetObjectCommandOutput, bytes: Uint8Array, range: ByteRange | undefined): Uint8Array {
  const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(found.ContentRange ?? '')?.map(Number) ?? [];
  if (range === undefined || from === undefined || to === undefined || total === undefined) {
    if (found.ContentLength !== undefined && bytes.length !== found.ContentLength) throw cut();
    return range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length);
  }
  const end = Math.min(range.offset + range.length, total);
  if (from !== range.offset || to !== end - 1 || bytes.length !== end - range.offset) throw cut();
  return bytes;
}

const cut = (): Error => new Error('the answer does not hold the bytes that were asked for');

function tagOf(etag: string | undefined): string {
  if (etag === undefined || etag === '') throw s3Failed('write', new Error('the server gave no ETag'));
  return etag;
}

/** A body in parts of one size, the last one shorter; at least one, which may be empty. */
async function* partsOf(body: ObjectBody): AsyncGenerator<Uint8Array, undefined> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    let rest = chunk;
    while (size + rest.length > partBytes) {
      const taken = partBytes - size;
      yield Buffer.concat([...waiting, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      waiting = [];
      size = 0;
    }
    // A copy: a source may use its buffer again.
    waiting.push(Uint8Array.from(rest));
    size += rest.length;
  }
  yield Buffer.concat(waiting);
  return undefined;
}

async function* joined(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}
