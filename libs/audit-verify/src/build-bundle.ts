/** Writes a bundle from a log, file by file, holding one bundle of entries and the hash tiles in memory. */

import { checkpointPath, fixed, policyText } from './layout.ts';
import { encodeManifest, fileHash, type ManifestFile, signManifest } from './manifest.ts';
import { leafHash } from './merkle.ts';
import type { NoteSigner } from './note.ts';
import type { BundleFile } from './tar.ts';
import { encodeBundle, type Tile, TileStack, tilePath, tileWidth } from './tile.ts';

/** A log at one of its checkpoints. */
export interface LogSnapshot {
  readonly org: string;
  /** Key of the log; its name is the origin. */
  readonly signer: NoteSigner;
  /** Every checkpoint up to the snapshot, ascending; at least one. */
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
  /** Leaf hashes from 0 to the size of the last checkpoint. */
  leaves(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Entries from 0 to the size of the last checkpoint. */
  entries(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The log does not hold what its own hashes say. */
export class LogMismatch extends Error {
  override readonly name = 'LogMismatch';
  readonly index: number;

  constructor(index: number) {
    super(`entry ${index} of the log does not hash to its leaf`);
    this.index = index;
  }
}

/** Every file of the bundle, in the order of the archive. Throws LogMismatch rather than write a bundle that cannot verify. */
export async function* buildBundle(log: LogSnapshot): AsyncGenerator<BundleFile> {
  const newest = log.checkpoints.at(-1);
  if (newest === undefined) throw new Error('a bundle needs a checkpoint');
  const files: ManifestFile[] = [];
  const listed = (path: string, bytes: Uint8Array): BundleFile => {
    files.push({ path, bytes: bytes.length, sha256: fileHash(bytes) });
    return { path, bytes };
  };
  yield listed(fixed.checkpoint, Buffer.from(newest.note));
  for (const { size, note } of log.checkpoints) yield listed(checkpointPath(size), Buffer.from(note));
  yield listed(fixed.key, Buffer.from(`${log.signer.vkey}\n`));
  yield listed(fixed.policy, Buffer.from(policyText(log.signer.name)));
  const tiles = await hashTiles(log);
  for (const { place, bytes } of tiles.flat()) yield listed(tilePath(place), bytes);
  for await (const { path, bytes } of entryBundles(log, tiles[0] ?? [])) yield listed(path, bytes);
  const manifest = encodeManifest({
    version: 1,
    org: log.org,
    origin: log.signer.name,
    size: newest.size,
    checkpoints: log.checkpoints.map(({ size }) => size),
    files,
  });
  yield { path: fixed.manifest, bytes: manifest };
  yield { path: fixed.manifestNote, bytes: Buffer.from(signManifest(manifest, log.signer)) };
}

/** Tiles by level. */
async function hashTiles(log: LogSnapshot): Promise<Tile[][]> {
  const levels: Tile[][] = [];
  const keep = (tiles: readonly Tile[]): void => {
    for (const tile of tiles) (levels[Number(tile.place.level)] ??= []).push(tile);
  };
  const stack = new TileStack();
  for await (const leaf of log.leaves()) keep(stack.push(leaf));
  keep(stack.partial());
  return levels;
}

async function* entryBundles(log: LogSnapshot, leafTiles: readonly Tile[]): AsyncGenerator<BundleFile> {
  let index = 0;
  let open: Uint8Array[] = [];
  const close = (): BundleFile => {
    const place = { level: 'entries', index: Math.floor((index - 1) / tileWidth), width: open.length } as const;
    const bytes = encodeBundle(open);
    open = [];
    return { path: tilePath(place), bytes };
  };
  for await (const entry of log.entries()) {
    const at = index % tileWidth;
    const leaf = leafTiles[Math.floor(index / tileWidth)]?.bytes.subarray(at * 32, at * 32 + 32);
    if (leaf === undefined || Buffer.compare(leafHash(entry), leaf) !== 0) throw new LogMismatch(index);
    open.push(entry);
    index += 1;
    if (open.length === tileWidth) yield close();
  }
  if (open.length > 0) yield close();
}
