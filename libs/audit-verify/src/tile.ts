/** C2SP tlog-tiles: 256-wide tiles of hashes, and bundles of entries with a 16-bit length before each. */

import { Frontier } from './merkle.ts';

/** Hashes per tile and entries per bundle. */
export const tileWidth = 256;

/** Largest entry a bundle can hold; the length prefix has 16 bits. */
export const maxEntryBytes = 0xffff;

/** A tile or bundle by its place. */
export interface TilePlace {
  /** `entries`, or the level of a hash tile from 0. */
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256; below 256 it is the partial tile at the right edge. */
  readonly width: number;
}

/** Path of a tile: `tile/0/x001/x234/067` and `….p/<width>` for a partial one. */
export function tilePath(place: TilePlace): string {
  const groups: string[] = [];
  let rest = place.index;
  do {
    groups.unshift(String(rest % 1000).padStart(3, '0'));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  const number = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${place.level}/${number}${place.width < tileWidth ? `.p/${place.width}` : ''}`;
}

function* row(level: TilePlace['level'], hashes: number): Generator<TilePlace> {
  for (let index = 0; index * tileWidth < hashes; index += 1) {
    yield { level, index, width: Math.min(tileWidth, hashes - index * tileWidth) };
  }
}

/** Every hash tile and entry bundle of a log of this size: hash tiles level by level, then entries. */
export function* tilePlaces(size: number): Generator<TilePlace> {
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / tileWidth)) {
    yield* row(level, hashes);
  }
  yield* row('entries', size);
}

/** A finished hash tile. */
export interface Tile {
  readonly place: TilePlace;
  readonly bytes: Buffer;
}

/** Grows the tiles of a log leaf by leaf; a full tile's root becomes a hash of the level above. */
export class TileStack {
  #levels: { index: number; hashes: Uint8Array[]; frontier: Frontier }[] = [];

  /** Adds a leaf hash; answers the tiles it completes, lowest level first. */
  push(leaf: Uint8Array): Tile[] {
    const done: Tile[] = [];
    let hash = leaf;
    for (let level = 0; ; level += 1) {
      const open = (this.#levels[level] ??= { index: 0, hashes: [], frontier: new Frontier() });
      open.hashes.push(hash);
      open.frontier.push(hash);
      if (open.hashes.length < tileWidth) return done;
      done.push({ place: { level, index: open.index, width: tileWidth }, bytes: Buffer.concat(open.hashes) });
      hash = open.frontier.root();
      this.#levels[level] = { index: open.index + 1, hashes: [], frontier: new Frontier() };
    }
  }

  /** The partial tiles at the right edge, lowest level first. */
  partial(): Tile[] {
    return this.#levels.flatMap((open, level) =>
      open.hashes.length === 0
        ? []
        : [{ place: { level, index: open.index, width: open.hashes.length }, bytes: Buffer.concat(open.hashes) }],
    );
  }
}

/** An entry bundle; throws a plain Error on an entry over `maxEntryBytes`. */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > maxEntryBytes) throw new Error(`an entry of ${entry.length} bytes does not fit a bundle`);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/** The entries of a bundle, or undefined when it does not hold exactly `width` of them. */
export function decodeBundle(bytes: Uint8Array, width: number): Buffer[] | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Buffer[] = [];
  let at = 0;
  while (at + 2 <= data.length && entries.length < width) {
    const end = at + 2 + data.readUInt16BE(at);
    if (end > data.length) return undefined;
    entries.push(data.subarray(at + 2, end));
    at = end;
  }
  return entries.length === width && at === data.length ? entries : undefined;
}
