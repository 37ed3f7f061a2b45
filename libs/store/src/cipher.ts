/**
 * Sealed objects: AES-256-GCM in frames, so that a piece can be read and checked without the rest.
 *
 * Layout: `SALS` 0x01, 3 zero bytes, a salt of 32 bytes, then frames of 128 KiB plaintext and a 16-byte tag each; the last may be
 * shorter and is always there. The key of an object is HKDF-SHA256 of the data key over its salt, so nonces never repeat under a
 * key. Nonce: frame number and last flag. Additional data: the object's context. Cutting off, reordering or swapping frames, within an
 * object or between objects, fails the tag (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár).
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Fault } from '@sallyport/core/fault';
import { type ObjectStore, objectDamaged, objectMissing } from './object-store.ts';

export const frameBytes = 128 * 1024;
const tagBytes = 16;
const sealedFrameBytes = frameBytes + tagBytes;
const saltBytes = 32;
/** Frames of one read of a stream: few requests to a bucket that is far away, little memory. */
const framesPerGet = 32;
const magic = Buffer.from([0x53, 0x41, 0x4c, 0x53, 1, 0, 0, 0]);
const headerBytes = magic.length + saltBytes;

/** What an object is, in parts; sealing and opening must agree on every one. */
export type SealContext = readonly string[];

const damaged = (context: SealContext): Fault => objectDamaged(context.join('/'));

/** Each part with its length, so that no two contexts have the same bytes. */
export const contextBytes = (context: SealContext): Buffer =>
  Buffer.concat(context.flatMap((part) => [lengthOf(part), Buffer.from(part)]));

function lengthOf(part: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(part));
  return length;
}

const objectKey = (dataKey: Uint8Array, salt: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', dataKey, salt, 'sallyport sealed object v1', 32));

function nonceOf(frame: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(frame, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Bytes of a sealed object whose plaintext has this many. */
export const sealedSize = (plainBytes: number): number =>
  headerBytes + plainBytes + tagBytes * Math.max(1, Math.ceil(plainBytes / frameBytes));

/** Seals a stream frame by frame; holds two frames at most. */
export async function* seal(
  dataKey: Uint8Array,
  context: SealContext,
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const salt = randomBytes(saltBytes);
  const key = objectKey(dataKey, salt);
  const aad = contextBytes(context);
  yield Buffer.concat([magic, salt]);
  let frame = 0;
  let waiting = Buffer.alloc(0);
  const sealed = (data: Buffer, last: boolean): Buffer => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(frame, last)).setAAD(aad);
    frame += 1;
    return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  };
  for await (const chunk of plain) {
    waiting = Buffer.concat([waiting, chunk]);
    // A full frame waits until more comes, since only then it is known not to be the last.
    while (waiting.length > frameBytes) {
      yield sealed(waiting.subarray(0, frameBytes), false);
      waiting = waiting.subarray(frameBytes);
    }
  }
  yield sealed(waiting, true);
}

/** A sealed object that is read in pieces. */
export class SealedObject {
  readonly #store: ObjectStore;
  readonly #path: string;
  readonly #context: SealContext;
  readonly #key: Buffer;
  readonly #frames: number;
  /** Bytes of plaintext. */
  readonly size: number;

  private constructor(store: ObjectStore, path: string, context: SealContext, key: Buffer, sealedBytes: number) {
    this.#store = store;
    this.#path = path;
    this.#context = context;
    this.#key = key;
    this.#frames = Math.ceil((sealedBytes - headerBytes) / sealedFrameBytes);
    this.size = sealedBytes - headerBytes - this.#frames * tagBytes;
  }

  /** @throws Fault `store.object_missing`, or `store.object_damaged` when the header is not one. */
  static async open(
    store: ObjectStore,
    path: string,
    dataKey: Uint8Array,
    context: SealContext,
  ): Promise<SealedObject> {
    const head = await store.head(path);
    if (head === undefined) throw objectMissing(path);
    const header = await store.get(path, { offset: 0, length: headerBytes });
    if (head.size < headerBytes + tagBytes || !magic.equals(header.subarray(0, magic.length))) throw damaged(context);
    return new SealedObject(store, path, context, objectKey(dataKey, header.subarray(magic.length)), head.size);
  }

  /**
   * Plaintext from an offset, fewer bytes only at the end. Every frame it touches is authenticated before a byte is returned.
   *
   * @throws Fault `store.object_damaged`.
   */
  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(this.size, offset + length);
    if (offset >= end) {
      // Reading at the end still proves that the end is the true one.
      await this.#run(this.#frames - 1, 1);
      return Buffer.alloc(0);
    }
    const first = Math.floor(offset / frameBytes);
    const parts = await this.#run(first, Math.ceil(end / frameBytes) - first);
    return Buffer.concat(parts).subarray(offset - first * frameBytes, end - first * frameBytes);
  }

  /** The whole plaintext, frame by frame. */
  async *stream(): AsyncGenerator<Buffer> {
    for (let frame = 0; frame < this.#frames; frame += framesPerGet)
      yield* await this.#run(frame, Math.min(framesPerGet, this.#frames - frame));
  }

  /** Frames that lie beside each other, with one request. */
  async #run(first: number, count: number): Promise<Buffer[]> {
    const offset = headerBytes + first * sealedFrameBytes;
    const sealed = Buffer.from(await this.#store.get(this.#path, { offset, length: count * sealedFrameBytes }));
    const frames: Buffer[] = [];
    for (let frame = first; frame < first + count; frame += 1) {
      const at = (frame - first) * sealedFrameBytes;
      frames.push(this.#opened(frame, sealed.subarray(at, at + sealedFrameBytes)));
    }
    return frames;
  }

  #opened(frame: number, sealed: Buffer): Buffer {
    const last = frame === this.#frames - 1;
    if (sealed.length < tagBytes || (!last && sealed.length !== sealedFrameBytes)) throw damaged(this.#context);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonceOf(frame, last), { authTagLength: tagBytes });
    decipher.setAAD(contextBytes(this.#context)).setAuthTag(sealed.subarray(sealed.length - tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()]);
    } catch {
      throw damaged(this.#context);
    }
  }
}
