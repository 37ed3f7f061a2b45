/**
 * Writes new objects as one pack (gitformat-pack): whole objects, no deltas, each once.
 *
 * The object count stands in the header and the checksum at the end, so both are filled in by `finish`, which reads the file once.
 */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, createDeflate, deflate, deflateSync } from 'node:zlib';

export type ObjectType = 'blob' | 'tree';

export interface FinishedPack {
  readonly objects: number;
  readonly size: number;
  /** Of the whole file, lower-case hex. */
  readonly sha256: string;
}

const deflateAsync = promisify(deflate);
const typeNumber: Readonly<Record<ObjectType, number>> = { tree: 2, blob: 3 };
/** Speed over size: the pack travels one hop and is packed again later. */
const level = constants.Z_BEST_SPEED;
/** Below this, handing work to another thread costs more than it saves. */
const inlineBytes = 32 * 1024;
const flushBytes = 1024 * 1024;
const readBytes = 1024 * 1024;

/** Git's id of an object. */
export const objectId = (type: ObjectType, data: Uint8Array): string =>
  createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest('hex');

export class PackWriter {
  readonly #file: FileHandle;
  readonly #known = new Set<string>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #offset = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<PackWriter> {
    const writer = new PackWriter(await open(path, 'w+', 0o600));
    await writer.#put(packHeader(0));
    return writer;
  }

  get objects(): number {
    return this.#known.size;
  }

  /** Adds an object unless it is in the pack already. */
  async add(type: ObjectType, data: Buffer, oid = objectId(type, data)): Promise<string> {
    if (this.#known.has(oid)) return oid;
    this.#known.add(oid);
    const body = data.length <= inlineBytes ? deflateSync(data, { level }) : await deflateAsync(data, { level });
    await this.#put(entryHeader(type, data.length), body);
    return oid;
  }

  /**
   * Adds a blob of a known size from chunks, without holding it; what turns out to be `unlessId` or known is taken back.
   *
   * @returns the id, or undefined when the chunks are not `size` bytes.
   */
  async addStream(
    size: number,
    chunks: AsyncIterable<Buffer>,
    unlessId: string | undefined,
  ): Promise<string | undefined> {
    await this.#flush();
    const start = this.#offset;
    const hash = createHash('sha1').update(`blob ${size}\0`);
    let seen = 0;
    const deflater = createDeflate({ level });
    const feed = async (): Promise<void> => {
      for await (const chunk of chunks) {
        hash.update(chunk);
        seen += chunk.length;
        if (!deflater.write(chunk)) await new Promise((resolve) => deflater.once('drain', resolve));
      }
      deflater.end();
    };
    await this.#put(entryHeader('blob', size));
    const fed = feed().catch(
      (error: unknown) => void deflater.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    for await (const chunk of deflater) await this.#put(chunk as Buffer);
    await fed;
    const oid = hash.digest('hex');
    if (seen === size && oid !== unlessId && !this.#known.has(oid)) {
      this.#known.add(oid);
      return oid;
    }
    await this.#flush();
    await this.#file.truncate(start);
    this.#offset = start;
    return seen === size ? oid : undefined;
  }

  /** Completes header and trailer; the file is whole and may be sent. */
  async finish(): Promise<FinishedPack> {
    await this.#flush();
    await this.#file.write(packHeader(this.#known.size), 0, 12, 0);
    const sha1 = createHash('sha1');
    const sha256 = createHash('sha256');
    const chunk = Buffer.allocUnsafe(readBytes);
    for (let at = 0; at < this.#offset; ) {
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw new Error('the pack is shorter than what was written');
      sha1.update(chunk.subarray(0, bytesRead));
      sha256.update(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    const trailer = sha1.digest();
    await this.#file.write(trailer, 0, trailer.length, this.#offset);
    return {
      objects: this.#known.size,
      size: this.#offset + trailer.length,
      sha256: sha256.update(trailer).digest('hex'),
    };
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #put(...parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      this.#pending.push(part);
      this.#pendingBytes += part.length;
    }
    if (this.#pendingBytes >= flushBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#pendingBytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#file.write(bytes, 0, bytes.length, this.#offset);
    this.#offset += bytes.length;
  }
}

function packHeader(objects: number): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects, 8);
  return header;
}

/** Type and inflated size: four bits in the first byte, seven in each that follows. */
function entryHeader(type: ObjectType, size: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.floor(size / 16);
  let byte = (typeNumber[type] << 4) | (size % 16);
  while (rest > 0) {
    bytes.push(byte | 0x80);
    byte = rest % 128;
    rest = Math.floor(rest / 128);
  }
  bytes.push(byte);
  return Buffer.from(bytes);
}
