/** Bytes of a request on their way into an upload, in chunks the workspace service takes, checked against their digest. */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { bodyTooLarge, digestMismatch, InvalidRequest } from '../faults.ts';

export const chunkBytes = 512 * 1024;

/** What an upload announces about itself. */
export interface Announced {
  readonly size: bigint;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** The digest of a `Content-Digest` or `Repr-Digest` header (RFC 9530), or undefined. */
export function digestOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const encoded = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header)?.[1];
  if (encoded === undefined)
    throw new InvalidRequest([{ pointer: '/header/content-digest', detail: 'must be sha-256=:<base64>:' }]);
  return Buffer.from(encoded, 'base64').toString('hex');
}

/** Chunks of one size, the last one shorter; refuses more bytes than the limit and another digest than the stated one. */
export async function* checkedChunks(
  source: AsyncIterable<Uint8Array>,
  limit: number,
  sha256: string | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const held = Buffer.allocUnsafe(chunkBytes);
  let filled = 0;
  let total = 0;
  for await (const piece of source) {
    total += piece.length;
    if (total > limit) throw bodyTooLarge(limit);
    hash.update(piece);
    for (let from = 0; from < piece.length; ) {
      const taken = Math.min(piece.length - from, chunkBytes - filled);
      held.set(piece.subarray(from, from + taken), filled);
      filled += taken;
      from += taken;
      if (filled < chunkBytes) continue;
      yield Uint8Array.from(held);
      filled = 0;
    }
  }
  if (filled > 0) yield Uint8Array.from(held.subarray(0, filled));
  if (sha256 !== undefined && hash.digest('hex') !== sha256) throw digestMismatch();
}

/** Puts a body of unknown size or digest into a private file first; `use` gets what it needs to announce it. */
export async function spooled<T>(
  source: AsyncIterable<Uint8Array>,
  limit: number,
  use: (announced: Announced, bytes: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sally-upload-'));
  const path = join(folder, 'body');
  try {
    const hash = createHash('sha256');
    const file = createWriteStream(path, { mode: 0o600 });
    let size = 0;
    for await (const chunk of checkedChunks(source, limit, undefined)) {
      size += chunk.length;
      hash.update(chunk);
      if (!file.write(chunk)) await new Promise<void>((resolve) => file.once('drain', resolve));
    }
    file.end();
    await finished(file);
    return await use(
      { size: BigInt(size), sha256: hash.digest('hex') },
      createReadStream(path, { highWaterMark: chunkBytes }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
