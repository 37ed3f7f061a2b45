/** Packs on disk that the service makes: from objects, from an upload with one more object, from a piece of a bundle. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { badBundle } from '../faults.ts';
import {
  type GitObject,
  packEntry,
  packHeader,
  packHeaderBytes,
  packObjects,
  packTrailerBytes,
} from './object-bytes.ts';

/** Object count in the header of a pack file. */
export async function countObjects(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(packHeaderBytes);
    await file.read(header, 0, header.length, 0);
    const objects = packObjects(header);
    if (objects === undefined) throw badBundle('no pack');
    return objects;
  } finally {
    await file.close();
  }
}

/** Writes a pack of the objects of another pack file, when there is one, and some more. */
export async function writePack(path: string, objects: readonly GitObject[], base?: string): Promise<void> {
  const inherited = base === undefined ? 0 : await countObjects(base);
  const hash = createHash('sha1');
  const file = await open(path, 'wx', 0o600);
  const put = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    await file.writeFile(bytes);
  };
  try {
    await put(packHeader(inherited + objects.length));
    // Entries refer to each other by distance, so they may be copied as they are.
    if (base !== undefined) for await (const chunk of entriesOf(base)) await put(chunk);
    for (const object of objects) await put(packEntry(object));
    await file.writeFile(hash.digest());
  } finally {
    await file.close();
  }
}

async function* entriesOf(path: string): AsyncGenerator<Buffer> {
  const { size } = await stat(path);
  const end = size - packTrailerBytes - 1;
  if (end < packHeaderBytes) return;
  for await (const chunk of createReadStream(path, { start: packHeaderBytes, end })) yield chunk as Buffer;
}

/** Copies what follows an offset; a bundle is a text header and then a pack. */
export async function copyFrom(source: string, offset: number, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of createReadStream(source, { start: offset })) await file.writeFile(chunk as Buffer);
  } finally {
    await file.close();
  }
}
