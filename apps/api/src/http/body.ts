/** Request bodies under a limit: nothing larger than its route allows is ever held in memory. */

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { bodyMalformed, bodyTooLarge, encodingUnsupported, mediaTypeUnsupported } from '../faults.ts';
import type { ApiContext } from './endpoint.ts';

/** The JSON value of a body. */
export async function readJson(c: ApiContext, limit: number): Promise<unknown> {
  const type = c.req.header('content-type') ?? '';
  const bytes = await readBytes(c, limit);
  if (bytes.length === 0) return {};
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) throw mediaTypeUnsupported(type, 'application/json');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), wellFormed) as unknown;
  } catch {
    throw bodyMalformed('JSON in UTF-8');
  }
}

/** Half a surrogate pair, which an escape can spell, is no text: no UTF-8 has it, so nothing behind here could take it. */
function wellFormed(key: string, value: unknown): unknown {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) throw bodyMalformed('JSON in UTF-8');
  return value;
}

/** Bytes of one body that are read off the wire at most, so that a client who is still sending what is refused learns why. */
const wireBytes = 64 * 1024 * 1024;

/** All of a body, inflated when it is gzip. Once the limit is passed nothing more is inflated or kept; the rest is only read off. */
export async function readBytes(c: ApiContext, limit: number): Promise<Buffer> {
  const stated = Number(c.req.header('content-length') ?? 0);
  if (stated > wireBytes) throw bodyTooLarge(limit);
  const body = c.req.raw.body;
  if (body === null) return Buffer.alloc(0);
  const wire = new Wire(body, () => bodyTooLarge(limit));
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of decoded(codingOf(c), wire)) {
    size += chunk.length;
    if (size > limit) break;
    chunks.push(chunk);
  }
  if (size <= limit) return Buffer.concat(chunks);
  await wire.drain();
  throw bodyTooLarge(limit);
}

/** A body as it arrives, inflated when it is gzip. Whoever reads it stops when it has enough. */
export async function* bodyChunks(c: ApiContext): AsyncGenerator<Uint8Array> {
  const body = c.req.raw.body;
  if (body !== null) yield* decoded(codingOf(c), body);
}

/** Refuses a body that is not sent as it is: for somebody who showed no key nothing is inflated. */
export function refuseEncoded(c: ApiContext): void {
  const coding = statedCoding(c);
  if (coding !== 'identity') throw encodingUnsupported(coding, 'it as it is, since nothing is inflated without a key');
}

const statedCoding = (c: ApiContext): string => c.req.header('content-encoding')?.trim().toLowerCase() ?? 'identity';

function codingOf(c: ApiContext): 'identity' | 'gzip' {
  const coding = statedCoding(c);
  if (coding === 'identity') return coding;
  if (coding !== 'gzip' && coding !== 'x-gzip') throw encodingUnsupported(coding, 'gzip or none');
  return 'gzip';
}

async function* decoded(
  coding: 'identity' | 'gzip',
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  if (coding === 'identity') return yield* bytes;
  const gunzip = createGunzip();
  const source = Readable.from(bytes, { objectMode: false });
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_'))
      throw bodyMalformed('gzip');
    throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** The bytes of a body as they were sent. Leaving them does not end the body: `drain` goes on where a reader stopped. */
class Wire implements AsyncIterable<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #tooLong: () => Error;
  #came = 0;

  constructor(body: ReadableStream<Uint8Array>, tooLong: () => Error) {
    this.#reader = body.getReader();
    this.#tooLong = tooLong;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
  }

  async drain(): Promise<void> {
    let chunk = await this.#next();
    while (chunk !== undefined) chunk = await this.#next();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read();
    this.#came += value?.length ?? 0;
    if (this.#came > wireBytes) throw this.#tooLong();
    return value;
  }
}
