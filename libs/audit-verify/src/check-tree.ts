/** Steps two to six of verification: entries, tree, checkpoints and the form of every event. */

import type { Event } from '@sallyport/contracts/audit/v1/audit';
import type { BundleSource } from './bundle-source.ts';
import { type Checked, need } from './check-manifest.ts';
import { openCheckpoint, type TreeHead } from './checkpoint.ts';
import { brokenField, maxEventBytes, parseEvent } from './event.ts';
import { tamper } from './finding.ts';
import { checkpointPath, fixed } from './layout.ts';
import { Frontier, leafHash } from './merkle.ts';
import { decodeBundle, type Tile, TileStack, tilePath, tilePlaces } from './tile.ts';

/** What one pass over the log established. */
export interface Walked {
  readonly size: number;
  readonly root: Buffer;
}

/**
 * Recomputes the whole tree from the entries and hands every event on.
 *
 * @param since - a tree head the reader saw earlier; the log must have grown from it.
 * @throws Broken naming the first entry, tile or checkpoint that does not agree.
 */
export function checkTree(
  source: BundleSource,
  { manifest, key }: Checked,
  since: TreeHead | undefined,
  take: (event: Event, index: number) => void,
): Walked {
  const heads = new Map(manifest.checkpoints.map((size) => [size, openHead(source, checkpointPath(size), key, size)]));
  const newest = openHead(source, fixed.checkpoint, key, manifest.size);
  if (manifest.checkpoints.at(-1) !== manifest.size) throw tamper('wrong_size', fixed.manifest);
  const frontier = new Frontier();
  const stack = new TileStack();
  const agree = (): void => {
    const head = heads.get(frontier.size);
    if (head !== undefined && !frontier.root().equals(head.root)) {
      throw tamper('inconsistent_checkpoint', checkpointPath(frontier.size), { index: frontier.size });
    }
    if (since?.size === frontier.size && !frontier.root().equals(since.root)) {
      throw tamper('forked_history', fixed.checkpoint, {
        index: since.size,
        detail: 'not a continuation of the earlier checkpoint',
      });
    }
  };
  if (since !== undefined && since.size > manifest.size) {
    throw tamper('rolled_back', fixed.checkpoint, {
      index: manifest.size,
      detail: `an earlier checkpoint has ${since.size} events`,
    });
  }
  agree();
  for (const { file, entry, index } of entriesOf(source, manifest.size)) {
    const leaf = leafHash(entry);
    frontier.push(leaf);
    for (const tile of stack.push(leaf)) checkTile(source, tile);
    take(eventAt(entry, index, file, manifest.org), index);
    agree();
  }
  for (const tile of stack.partial()) checkTile(source, tile);
  const root = frontier.root();
  if (!root.equals(newest.root)) throw tamper('root_mismatch', fixed.checkpoint);
  return { size: frontier.size, root };
}

function openHead(source: BundleSource, path: string, key: Checked['key'], size: number): TreeHead {
  const head = openCheckpoint(need(source, path), key);
  if (typeof head === 'string') throw tamper(head, path);
  if (head.size !== size) throw tamper('wrong_size', path);
  return head;
}

function* entriesOf(source: BundleSource, size: number): Generator<{ file: string; entry: Buffer; index: number }> {
  let index = 0;
  for (const place of tilePlaces(size)) {
    if (place.level !== 'entries') continue;
    const file = tilePath(place);
    const entries = decodeBundle(need(source, file), place.width);
    if (entries === undefined) throw tamper('malformed_bundle', file, { index });
    for (const entry of entries) yield { file, entry, index: index++ };
  }
}

function checkTile(source: BundleSource, tile: Tile): void {
  const path = tilePath(tile.place);
  if (!need(source, path).equals(tile.bytes)) throw tamper('tile_mismatch', path);
}

/** An intact entry that no honest log would have taken is the log's fault, and still tampering to a reader. */
function eventAt(entry: Buffer, index: number, file: string, org: string): Event {
  const event = entry.length > maxEventBytes ? undefined : parseEvent(entry);
  if (event === undefined) throw tamper('not_canonical', file, { index });
  if (event.seq !== BigInt(index)) throw tamper('seq_gap', file, { index, detail: `seq ${event.seq}` });
  const field = event.org === org ? brokenField(event) : 'org';
  if (field !== undefined) throw tamper('broken_schema', file, { index, detail: field });
  return event;
}
