/**
 * The hash tree of RFC 9162 section 2.1 (same hashes as RFC 6962): SHA-256, 0x00 before a leaf, 0x01 before a node.
 *
 * Sizes and indexes are plain numbers up to 2^53 - 1. Hashes are 32 bytes.
 */

import { hash } from 'node:crypto';

/** SHA-256 of data. */
export const sha256 = (data: Uint8Array): Buffer => hash('sha256', data, 'buffer');

/** Hash of one leaf. */
export function leafHash(entry: Uint8Array): Buffer {
  const prefixed = Buffer.allocUnsafe(entry.length + 1);
  prefixed[0] = 0;
  prefixed.set(entry, 1);
  return sha256(prefixed);
}

/** Hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const pair = Buffer.allocUnsafe(65);
  pair[0] = 1;
  pair.set(left, 1);
  pair.set(right, 33);
  return sha256(pair);
}

/** Root of the empty tree. */
export const emptyRoot: Buffer = sha256(new Uint8Array());

/** Root over leaf hashes in order. */
export function rootOf(leaves: readonly Uint8Array[]): Buffer {
  const frontier = new Frontier();
  for (const leaf of leaves) frontier.push(leaf);
  return frontier.root();
}

/**
 * The right edge of a tree: the roots of its perfect subtrees, largest first. Enough to append to a tree and to compute its root
 * without any other node; holds at most 53 hashes.
 */
export class Frontier {
  #size = 0;
  #peaks: Uint8Array[] = [];

  /** How many leaves the tree has. */
  get size(): number {
    return this.#size;
  }

  /** Appends a leaf by its hash. */
  push(leaf: Uint8Array): void {
    let peak = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = this.#peaks.pop();
      if (left === undefined) throw new Error('frontier has fewer peaks than its size needs');
      peak = nodeHash(left, peak);
    }
    this.#peaks.push(peak);
    this.#size += 1;
  }

  /** Root of the tree as it stands. */
  root(): Buffer {
    let root: Uint8Array | undefined;
    for (const peak of this.#peaks.toReversed()) root = root === undefined ? peak : nodeHash(peak, root);
    return root === undefined ? emptyRoot : Buffer.from(root);
  }

  /** A copy that grows on its own. */
  clone(): Frontier {
    return Frontier.restore(this.#size, this.toBytes());
  }

  /** The peaks, concatenated. */
  toBytes(): Buffer {
    return Buffer.concat(this.#peaks);
  }

  /** The frontier of a size from its peaks; throws a plain Error when their number does not fit the size. */
  static restore(size: number, peaks: Uint8Array): Frontier {
    const frontier = new Frontier();
    frontier.#size = size;
    for (let at = 0; at < peaks.length; at += 32) frontier.#peaks.push(Buffer.from(peaks.subarray(at, at + 32)));
    if (frontier.#peaks.length * 32 !== peaks.length || frontier.#peaks.length !== onesIn(size)) {
      throw new Error(`a tree of ${size} leaves does not have ${peaks.length} bytes of peaks`);
    }
    return frontier;
  }
}

function onesIn(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}

/** The largest power of two below a size greater than one. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

/** Hashes that lead from a leaf to the root, nearest first (RFC 9162 section 2.1.3). */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Buffer[] {
  if (leaves.length <= 1) return [];
  const half = split(leaves.length);
  return index < half
    ? [...inclusionProof(leaves.slice(0, half), index), rootOf(leaves.slice(half))]
    : [...inclusionProof(leaves.slice(half), index - half), rootOf(leaves.slice(0, half))];
}

/** Whether a proof puts a leaf at an index of the tree with this size and root. */
export function provesInclusion(
  tree: { readonly size: number; readonly root: Uint8Array },
  index: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (index < 0 || index >= tree.size) return false;
  let at = index;
  let last = tree.size - 1;
  let root: Uint8Array = leaf;
  for (const step of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      root = nodeHash(step, root);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, step);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && Buffer.compare(root, tree.root) === 0;
}

/** Hashes that show the tree over the first `size` leaves to be a prefix of the whole (RFC 9162 section 2.1.4). */
export function consistencyProof(leaves: readonly Uint8Array[], size: number): Buffer[] {
  return size === 0 || size === leaves.length ? [] : subproof(leaves, size, true);
}

function subproof(leaves: readonly Uint8Array[], size: number, whole: boolean): Buffer[] {
  if (size === leaves.length) return whole ? [] : [rootOf(leaves)];
  const half = split(leaves.length);
  return size <= half
    ? [...subproof(leaves.slice(0, half), size, whole), rootOf(leaves.slice(half))]
    : [...subproof(leaves.slice(half), size - half, false), rootOf(leaves.slice(0, half))];
}

/** Whether a proof shows that the newer tree only appended to the older one. */
export function provesConsistency(
  older: { readonly size: number; readonly root: Uint8Array },
  newer: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && Buffer.compare(older.root, newer.root) === 0;
  if (older.size === 0) return proof.length === 0;
  let at = older.size - 1;
  let last = newer.size - 1;
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  const steps = at === 0 ? [older.root, ...proof] : [...proof];
  const [first, ...rest] = steps;
  if (first === undefined) return false;
  let olderRoot: Uint8Array = first;
  let newerRoot: Uint8Array = first;
  for (const step of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      olderRoot = nodeHash(step, olderRoot);
      newerRoot = nodeHash(step, newerRoot);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      newerRoot = nodeHash(newerRoot, step);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && Buffer.compare(olderRoot, older.root) === 0 && Buffer.compare(newerRoot, newer.root) === 0;
}
