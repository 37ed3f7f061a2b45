/**
 * A directory as a bucket, for one machine.
 *
 * A write goes to a file of its own, is synced, and gets its name by one rename or link, after which the folder is synced: a crash
 * leaves the old object, the new one or none, never a part. Conditions hold among the writers of one process.
 */

import { randomUUID } from 'node:crypto';
import { type Dirent } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import {
  type ByteRange,
  bucketFailed,
  checkKey,
  checkPrefix,
  isKey,
  type ObjectBody,
  type ObjectHead,
  type ObjectStore,
  objectChanged,
  objectMissing,
  type PutConditions,
} from './object-store.ts';

/** Holds writes under way, beside the objects so that a rename never crosses a file system; no key can name it. */
const incoming = '~incoming';

export class DirectoryStore implements ObjectStore {
  readonly #root: string;
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens a directory, makes it when it is missing, and drops what a crash left under way. */
  static async open(root: string): Promise<DirectoryStore> {
    try {
      await rm(join(root, incoming), { recursive: true, force: true });
      await mkdir(join(root, incoming), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw bucketFailed('be opened', error);
    }
    return new DirectoryStore(root);
  }

  async put(key: string, body: ObjectBody, conditions: PutConditions = {}): Promise<ObjectHead> {
    const path = join(this.#root, checkKey(key));
    const draft = join(this.#root, incoming, randomUUID());
    try {
      await writeDurably(draft, body);
      await makeFolders(this.#root, dirname(path));
      return await this.#inTurn(key, () => this.#name(draft, path, key, conditions));
    } catch (error) {
      throw error instanceof Fault ? error : bucketFailed('write', error);
    } finally {
      await rm(draft, { force: true });
    }
  }

  async get(key: string, range?: ByteRange): Promise<Uint8Array> {
    const path = join(this.#root, checkKey(key));
    const file = await open(path, 'r').catch((error: unknown) => {
      throw isAbsent(error) ? objectMissing(key) : bucketFailed('read', error);
    });
    try {
      const { size } = await file.stat();
      const offset = Math.min(range?.offset ?? 0, size);
      return await readExactly(file, offset, Math.min(range?.length ?? size, size - offset));
    } catch (error) {
      throw bucketFailed('read', error);
    } finally {
      await file.close();
    }
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return await headOf(join(this.#root, checkKey(key)));
  }

  async delete(key: string): Promise<void> {
    const path = join(this.#root, checkKey(key));
    await this.#inTurn(key, async () => {
      await rm(path, { force: true });
      await syncFolder(dirname(path)).catch(() => undefined);
    });
  }

  async *list(prefix: string): AsyncIterable<string> {
    yield* this.#walk(checkPrefix(prefix));
  }

  async *#walk(prefix: string): AsyncIterable<string> {
    const entries: Dirent[] = await readdir(join(this.#root, prefix), { withFileTypes: true }).catch(noEntries);
    const sorted = entries.map((it) => ({ it, order: it.isDirectory() ? `${it.name}/` : it.name }));
    sorted.sort((left, right) => (left.order < right.order ? -1 : 1));
    for (const { it } of sorted) {
      if (!isKey(it.name)) continue;
      if (it.isDirectory()) yield* this.#walk(`${prefix}${it.name}/`);
      else if (it.isFile()) yield `${prefix}${it.name}`;
    }
  }

  async #name(draft: string, path: string, key: string, conditions: PutConditions): Promise<ObjectHead> {
    if (conditions.ifMatch !== undefined && (await headOf(path))?.etag !== conditions.ifMatch) throw objectChanged(key);
    if (conditions.ifAbsent === true) {
      // link, unlike rename, does not replace: the file system itself decides who was first.
      await link(draft, path).catch((error: unknown) => {
        throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? objectChanged(key) : error;
      });
    } else {
      await rename(draft, path);
    }
    await syncFolder(dirname(path));
    const head = await headOf(path);
    if (head === undefined) throw objectMissing(key);
    return head;
  }

  /** One change of a key after the other. */
  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#turns.set(key, turn);
    const forget = (): void => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    };
    void turn.then(forget, forget);
    return turn;
  }
}

async function writeDurably(path: string, body: ObjectBody): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (body instanceof Uint8Array) await file.writeFile(body);
    else for await (const chunk of body) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the folders of a key and syncs the parent of each new one, so that the name survives a crash too. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let parent = dirname(folder); parent.length >= root.length; parent = dirname(parent)) await syncFolder(parent);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function headOf(path: string): Promise<ObjectHead | undefined> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw bucketFailed('be read', error);
  });
  if (found === undefined || !found.isFile()) return undefined;
  // Every write makes a file of its own, so its inode and birth tell versions apart; the change time settles a reused inode.
  return {
    size: Number(found.size),
    etag: `${found.ino.toString(36)}-${found.mtimeNs.toString(36)}-${found.size.toString(36)}`,
  };
}

async function readExactly(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

/** A folder that is not there has no objects; one that cannot be read is not the same. */
function noEntries(error: unknown): Dirent[] {
  if (isAbsent(error)) return [];
  throw bucketFailed('be listed', error);
}

const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
