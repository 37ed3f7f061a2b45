/** Git objects and small packs as bytes (gitformat-pack, git-hash-object). */

import { createHash } from 'node:crypto';
import { constants, deflateSync } from 'node:zlib';

export type ObjectType = 'commit' | 'tree' | 'blob';

export interface GitObject {
  readonly type: ObjectType;
  readonly data: Buffer;
}

const typeNumber: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3 };

export const objectId = ({ type, data }: GitObject): string =>
  createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest('hex');

export interface TreeEntry {
  readonly mode: '100644' | '100755' | '40000';
  readonly name: string;
  readonly oid: string;
}

/** Sorted as git sorts: by byte, a folder as if its name ended in a slash. */
export function treeObject(entries: readonly TreeEntry[]): GitObject {
  const keyed = entries.map((entry) => ({
    entry,
    key: Buffer.from(entry.mode === '40000' ? `${entry.name}/` : entry.name),
  }));
  keyed.sort((left, right) => Buffer.compare(left.key, right.key));
  const parts = keyed.flatMap(({ entry }) => [
    Buffer.from(`${entry.mode} ${entry.name}\0`),
    Buffer.from(entry.oid, 'hex'),
  ]);
  return { type: 'tree', data: Buffer.concat(parts) };
}

export interface Signature {
  readonly name: string;
  readonly email: string;
}

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Signature;
  /** Milliseconds since the epoch; the zone is UTC. */
  readonly at: number;
  readonly message: string;
}

/** The committer of everything the platform commits. */
export const platform: Signature = { name: 'Sallyport', email: 'platform@sallyport.local' };

/** Without what git reserves or drops in an identity line. */
const bare = (text: string): string => text.replace(/[\p{Cc}<>]/gu, '').replace(/^[\s.,:;"'\\]+|[\s.,:;"'\\]+$/g, '');

function identity({ name, email }: Signature, at: number): string {
  return `${bare(name) || 'unknown'} <${bare(email).replace(/\s/g, '')}> ${Math.floor(at / 1000)} +0000`;
}

export function commitObject(commit: NewCommit): GitObject {
  const lines = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${identity(commit.author, commit.at)}`,
    `committer ${identity(platform, commit.at)}`,
    '',
    commit.message.replaceAll('\0', ''),
  ];
  return { type: 'commit', data: Buffer.from(lines.join('\n')) };
}

export const packHeaderBytes = 12;
export const packTrailerBytes = 20;

export function packHeader(objects: number): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects, 8);
  return header;
}

/** Object count of a pack header, undefined when it is not one. */
export const packObjects = (header: Buffer): number | undefined =>
  header.length >= packHeaderBytes && header.subarray(0, 8).equals(packHeader(0).subarray(0, 8))
    ? header.readUInt32BE(8)
    : undefined;

/** One undeltified entry: type and inflated size, four bits and then seven a byte, then the deflated data. */
export function packEntry({ type, data }: GitObject): Buffer {
  const head: number[] = [];
  let rest = Math.floor(data.length / 16);
  let byte = (typeNumber[type] << 4) | (data.length % 16);
  for (; rest > 0; rest = Math.floor(rest / 128)) {
    head.push(byte | 0x80);
    byte = rest % 128;
  }
  return Buffer.concat([Buffer.from([...head, byte]), deflateSync(data, { level: constants.Z_BEST_SPEED })]);
}
