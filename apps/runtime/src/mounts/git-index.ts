/**
 * Git's index file, version 2 and 3, as a record of a checkout: what each file was, and the tree of each folder (gitformat-index).
 * Paths are latin1 strings, one character per byte, so that any name survives.
 */

import { createHash } from 'node:crypto';
import { mountRecord } from './mount-faults.ts';

export interface IndexEntry {
  readonly mode: number;
  readonly oid: string;
  /** Low 32 bits each, as git keeps them. */
  readonly size: number;
  readonly ino: number;
  /** Milliseconds with fractions, computed as Node computes those of a stat, so that equal times are equal numbers. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Where the entry starts. */
  readonly at: number;
}

export interface GitIndex {
  readonly entries: ReadonlyMap<string, IndexEntry>;
  /** Tree id by folder path; the root is the empty path. Folders that the checkout knows the tree of, which is all of them. */
  readonly trees: ReadonlyMap<string, string>;
}

const headerBytes = 12;
const trailerBytes = 20;

/** @throws Fault `runtime.mount_record` for anything but a whole index whose checksum holds. */
export function parseIndex(bytes: Buffer): GitIndex {
  if (bytes.length < headerBytes + trailerBytes || bytes.toString('latin1', 0, 4) !== 'DIRC') throw mountRecord();
  const version = bytes.readUInt32BE(4);
  const body = bytes.subarray(0, bytes.length - trailerBytes);
  const sum = createHash('sha1').update(body).digest();
  if ((version !== 2 && version !== 3) || !sum.equals(bytes.subarray(body.length))) throw mountRecord();
  const entries = new Map<string, IndexEntry>();
  let at = headerBytes;
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    const flags = bytes.readUInt16BE(at + 60);
    const nameAt = at + ((flags & 0x4000) === 0 ? 62 : 64);
    const end = bytes.indexOf(0, nameAt);
    entries.set(bytes.toString('latin1', nameAt, end), {
      mode: bytes.readUInt32BE(at + 24),
      oid: bytes.toString('hex', at + 40, at + 60),
      size: bytes.readUInt32BE(at + 36),
      ino: bytes.readUInt32BE(at + 20),
      mtimeMs: stamp(bytes, at + 8),
      ctimeMs: stamp(bytes, at),
      at,
    });
    at += (end - at + 8) & ~7;
  }
  return { entries, trees: parseTrees(body, at) };
}

const stamp = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) * 1e3 + bytes.readUInt32BE(at + 4) / 1e6;

/** The TREE extension: `path NUL count SP subtrees LF id`, depth first. */
function parseTrees(body: Buffer, extensions: number): ReadonlyMap<string, string> {
  const trees = new Map<string, string>();
  for (let at = extensions; at + 8 <= body.length; ) {
    const size = body.readUInt32BE(at + 4);
    if (body.toString('latin1', at, at + 4) === 'TREE') readTree(body.subarray(at + 8, at + 8 + size), trees);
    at += 8 + size;
  }
  return trees;
}

function readTree(data: Buffer, trees: Map<string, string>): void {
  let at = 0;
  const visit = (parent: string): void => {
    const nul = data.indexOf(0, at);
    const line = data.indexOf(10, nul);
    const name = data.toString('latin1', at, nul);
    const [count = -1, subtrees = 0] = data
      .toString('latin1', nul + 1, line)
      .split(' ')
      .map(Number);
    const path = parent === '' ? name : `${parent}/${name}`;
    at = line + 1;
    if (count >= 0) {
      trees.set(path, data.toString('hex', at, at + 20));
      at += 20;
    }
    for (let left = subtrees; left > 0; left -= 1) visit(path);
  };
  visit('');
}

/** The same index with other change times, by path. */
export function restampIndex(bytes: Buffer, ctimeNs: ReadonlyMap<string, bigint>): Buffer {
  const copy = Buffer.from(bytes);
  const { entries } = parseIndex(bytes);
  for (const [path, ns] of ctimeNs) {
    const entry = entries.get(path);
    if (entry === undefined) continue;
    copy.writeUInt32BE(Number((ns / 1_000_000_000n) & 0xffffffffn), entry.at);
    copy.writeUInt32BE(Number(ns % 1_000_000_000n), entry.at + 4);
  }
  createHash('sha1')
    .update(copy.subarray(0, copy.length - trailerBytes))
    .digest()
    .copy(copy, copy.length - trailerBytes);
  return copy;
}
