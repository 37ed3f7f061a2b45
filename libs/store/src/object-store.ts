/** Objects in a bucket: whole writes, ranged reads, conditional changes. Adapters share the suite in object-store.suite.ts. */

import { Fault } from '@sallyport/core/fault';

/** Where a read starts and how many bytes it takes; past the end it takes fewer. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface ObjectHead {
  readonly size: number;
  /** Tells two contents of the key apart; opaque, and of one store only. */
  readonly etag: string;
}

export interface PutConditions {
  /** Write only when the key is free (S3 `If-None-Match: *`). */
  readonly ifAbsent?: boolean;
  /** Write only over exactly this version (S3 `If-Match`). */
  readonly ifMatch?: string;
}

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * The port every bucket is reached through. Keys are `/`-separated segments of `[A-Za-z0-9._-]`, none of them `.` or `..`, at most
 * 512 characters in all.
 *
 * @throws Fault `store.object_key` for a malformed key; `store.object_missing` from `get`; `store.object_damaged` from `get` when the
 * bucket knows that the bytes are not those that were put; `store.object_changed` when a condition of `put` does not hold;
 * `store.bucket` when the bucket itself fails.
 */
export interface ObjectStore {
  /** Durable when it resolves, and never seen half-written. */
  put(key: string, body: ObjectBody, conditions?: PutConditions): Promise<ObjectHead>;
  get(key: string, range?: ByteRange): Promise<Uint8Array>;
  /** Undefined when there is no such object. */
  head(key: string): Promise<ObjectHead | undefined>;
  /** Not an error when there is nothing to delete. */
  delete(key: string): Promise<void>;
  /** Keys below a prefix that ends in `/`, or every key below the empty prefix, in byte order. */
  list(prefix: string): AsyncIterable<string>;
}

export const objectMissing = (key: string): Fault =>
  new Fault(
    'not_found',
    'store.object_missing',
    `the bucket has no object ${key}; restore it from a backup of the bucket`,
    { key },
  );

export const objectChanged = (key: string): Fault =>
  new Fault(
    'failed_precondition',
    'store.object_changed',
    `object ${key} is not as the write expects it; read it again`,
    { key },
  );

export const objectDamaged = (object: string): Fault =>
  new Fault(
    'internal',
    'store.object_damaged',
    'a stored object is not what was written; nothing of it is served, restore it from a backup of the bucket',
    { object },
  );

export const badKey = (): Fault =>
  new Fault(
    'invalid_argument',
    'store.object_key',
    'an object key is made of segments of letters, digits, dot, dash and underscore',
  );

export const bucketFailed = (
  doing: string,
  cause: unknown,
  remedy = 'see that it is mounted, writable and has room',
): Fault => new Fault('unavailable', 'store.bucket', `the bucket could not ${doing}; ${remedy}`, { doing }, { cause });

const segment = /^[A-Za-z0-9._-]{1,200}$/;

/** Whether a name in a bucket can be an object's at all; what an adapter keeps for itself is named otherwise. */
export const isKey = (key: string): boolean =>
  key.length <= 512 && key.split('/').every((it) => segment.test(it) && it !== '.' && it !== '..');

/** Refuses a key that an adapter could take for something else than a name below its root. */
export function checkKey(key: string): string {
  if (!isKey(key)) throw badKey();
  return key;
}

/** Refuses a prefix that is neither empty nor a key and a slash. */
export function checkPrefix(prefix: string): string {
  if (prefix !== '') {
    if (!prefix.endsWith('/')) throw badKey();
    checkKey(prefix.slice(0, -1));
  }
  return prefix;
}
