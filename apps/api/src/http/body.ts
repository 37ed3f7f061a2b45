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

/** Bytes of a refused body that are read and thrown away, so that a client who is still sending learns why. */
const drainedBytes = 64 * 1024 * 1024;

/** All of a body, inflated when it is gzip. What is beyond the limit is not kept. */
export async function readBytes(c: ApiContext, limit: number): Promise<Buffer> {
  const stated = Number(c.req.header('content-length') ?? 0);
  if (stated > drainedBytes) throw bodyTooLarge(limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyChunks(c)) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else if (size > drainedBytes) break;
  }
  if (size > limit) throw bodyTooLarge(limit);
  return Buffer.concat(chunks);
}

/** A body as it arrives, inflated when it is gzip. */
export async function* bodyChunks(c: ApiContext): AsyncGenerator<Uint8Array> {
  const body = c.req.raw.body;
  if (body === null) return;
  const encoding = c.req.header('content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') {
    yield* body;
    return;
  }
  if (encoding !== 'gzip' && encoding !== 'x-gzip') throw encodingUnsupported(encoding);
  const gunzip = createGunzip();
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
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
