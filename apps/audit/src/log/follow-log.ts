/** Reads a stored log forward and makes sure that it is what was signed. */

import { openCheckpoint } from '@sallyport/audit-verify/checkpoint';
import { emptyRoot, Frontier, leafHash } from '@sallyport/audit-verify/merkle';
import type { NoteVerifier } from '@sallyport/audit-verify/note';
import type { Store } from '@sallyport/store/store';
import { eventsPerRead, readCheckpoints, readEvents } from './log.store.ts';

/** The end of a log, and the newest signature over a part of it. */
export interface LogHead {
  readonly frontier: Frontier;
  readonly lastLeaf: Buffer | undefined;
  readonly signed: { readonly size: number; readonly root: Buffer };
}

/** Before the first event. */
export const emptyHead = (): LogHead => ({
  frontier: new Frontier(),
  lastLeaf: undefined,
  signed: { size: 0, root: emptyRoot },
});

/** What was found wrong. */
export type MismatchReason =
  | 'entry_changed'
  | 'entry_missing'
  | 'checkpoint_changed'
  | 'checkpoint_missing'
  | 'history_changed'
  | 'rolled_back'
  | 'anchor_changed'
  | 'key_changed';

/** The database does not hold the log that was signed. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
  readonly why: MismatchReason;
  readonly index: number;

  constructor(why: MismatchReason, index: number) {
    super(`${why} at ${index}`);
    this.why = why;
    this.index = index;
  }
}

/** A tree head that must be on the way. */
export interface Milestone {
  readonly size: number;
  readonly root: Buffer;
}

/**
 * Follows the log from a head to its end, hashing every entry and comparing the root at every checkpoint.
 *
 * @param anchored - a tree head known from outside the database.
 * @throws Mismatch at the first place that differs.
 */
export async function followLog(
  store: Store,
  org: string,
  key: NoteVerifier,
  from: LogHead,
  anchored?: Milestone,
): Promise<LogHead> {
  const stored = await store.tx(org, (db) => readCheckpoints(db, org, from.signed.size, Number.MAX_SAFE_INTEGER));
  const first = stored[0];
  if (first?.size !== from.signed.size || !first.root.equals(from.signed.root)) {
    throw new Mismatch('checkpoint_missing', from.signed.size);
  }
  const passed = stored.find(
    (checkpoint) => checkpoint.size > from.signed.size && checkpoint.size < from.frontier.size,
  );
  if (passed !== undefined) return await followLog(store, org, key, emptyHead(), anchored);
  const milestones = new Map<number, Buffer>();
  for (const { size, root, note } of stored) {
    const head = openCheckpoint(note, key);
    if (typeof head === 'string' || head.size !== size || !head.root.equals(root)) {
      throw new Mismatch('checkpoint_changed', size);
    }
    milestones.set(size, root);
  }
  const frontier = from.frontier.clone();
  const lastLeaf = await walk(store, org, from, frontier, milestones, anchored);
  const newest = stored.at(-1) ?? first;
  if (newest.size > frontier.size) throw new Mismatch('rolled_back', frontier.size);
  if (anchored !== undefined && anchored.size > frontier.size) throw new Mismatch('rolled_back', frontier.size);
  return { frontier, lastLeaf, signed: { size: newest.size, root: newest.root } };
}

async function walk(
  store: Store,
  org: string,
  from: LogHead,
  frontier: Frontier,
  milestones: ReadonlyMap<number, Buffer>,
  anchored: Milestone | undefined,
): Promise<Buffer | undefined> {
  const agree = (): void => {
    const size = frontier.size;
    const root = milestones.get(size);
    if (root !== undefined && !frontier.root().equals(root)) throw new Mismatch('entry_changed', size - 1);
    if (anchored?.size === size && !frontier.root().equals(anchored.root))
      throw new Mismatch('history_changed', size - 1);
  };
  // The entry before the first unread one is read again: the log must still lead up to where this process left it.
  let next = Math.max(0, from.frontier.size - 1);
  let last = from.lastLeaf;
  agree();
  for (;;) {
    const rows = await store.tx(org, (db) => readEvents(db, org, next, eventsPerRead));
    for (const row of rows) {
      if (row.seq !== next) throw new Mismatch('entry_missing', next);
      const leaf = leafHash(Buffer.from(row.canonical));
      if (!leaf.equals(row.leaf)) throw new Mismatch('entry_changed', next);
      if (next < from.frontier.size) {
        if (from.lastLeaf !== undefined && !leaf.equals(from.lastLeaf)) throw new Mismatch('entry_changed', next);
      } else {
        frontier.push(leaf);
        last = leaf;
        agree();
      }
      next += 1;
    }
    if (next < from.frontier.size) throw new Mismatch('rolled_back', next);
    if (rows.length < eventsPerRead) return last;
  }
}
