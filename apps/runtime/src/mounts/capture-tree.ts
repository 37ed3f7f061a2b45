/** New objects of a dead sandbox's directory: what changed since the checkout, as one pack and one root tree. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import type { CaptureLimits } from './capture-limits.ts';
import { gitFileOf, isUnsafeGitFile } from './entry-name.ts';
import { parseIndex } from './git-index.ts';
import { mountRecord, mountTooLarge } from './mount-faults.ts';
import { objectId, PackWriter } from './pack-writer.ts';
import type { Refusals } from './refusals.ts';
import { encodeTree, type TreeEntry } from './tree-object.ts';
import { type FoundFile, type FoundFolder, joinBytes, openOwn, walkTree } from './walk-tree.ts';

export interface CaptureInput {
  readonly target: string;
  readonly index: string;
  /** Where the pack goes; the caller removes it. */
  readonly pack: string;
  /** Root tree that was checked out. */
  readonly tree: string;
  readonly limits: CaptureLimits;
  readonly monotonic: () => number;
}

export interface CapturedTree {
  readonly tree: string;
  /** 0 when the tree is the one that was checked out; then there is no pack to send. */
  readonly objects: number;
  readonly pack: string;
  readonly size: number;
  readonly sha256: string;
  /** Reason by path, of as many as a person reads. */
  readonly refused: Readonly<Record<string, string>>;
}

/** Files above this are read in pieces. */
const wholeBytes = 4 * 1024 * 1024;
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const folderMode = 0o040000;
const sliceMs = 8;

/** @throws Fault `runtime.mount_record` or `runtime.mount_too_large`. */
export async function captureTree(input: CaptureInput): Promise<CapturedTree> {
  const [bytes, indexStat] = await Promise.all([readFile(input.index), stat(input.index)]).catch(() => {
    throw mountRecord();
  });
  const index = parseIndex(bytes);
  const { target, limits, monotonic } = input;
  const { root, refused } = await walkTree({ target, index, indexMtimeMs: indexStat.mtimeMs, limits, monotonic });
  if (root.tree === input.tree) return unchanged(input, refused);
  const writer = await PackWriter.create(input.pack);
  try {
    const capture = new Capturing(input, writer, (path) => index.entries.get(path)?.oid, refused);
    const rootFd = openSync(target, folderFlags);
    const tree = await capture.folder(root, rootFd).finally(() => closeSync(rootFd));
    if (tree === input.tree) return unchanged(input, refused);
    return { tree, pack: input.pack, refused: refused.named, ...(await writer.finish()) };
  } finally {
    await writer.close();
  }
}

const unchanged = (input: CaptureInput, refused: Refusals): CapturedTree => ({
  tree: input.tree,
  objects: 0,
  pack: input.pack,
  size: 0,
  sha256: '',
  refused: refused.named,
});

class Capturing {
  readonly #input: CaptureInput;
  readonly #writer: PackWriter;
  readonly #baseOid: (path: string) => string | undefined;
  readonly #refused: Refusals;
  #newBytes = 0;
  #sliceStart: number;

  constructor(
    input: CaptureInput,
    writer: PackWriter,
    baseOid: (path: string) => string | undefined,
    refused: Refusals,
  ) {
    this.#input = input;
    this.#writer = writer;
    this.#baseOid = baseOid;
    this.#refused = refused;
    this.#sliceStart = input.monotonic();
  }

  /** Tree id of a folder that has something in it or is the root. */
  async folder(folder: FoundFolder, fd: number): Promise<string> {
    const entries: TreeEntry[] = [];
    for (const child of folder.folders) {
      const oid = child.tree ?? (await this.#changedFolder(child, fd));
      if (oid !== undefined) entries.push({ mode: folderMode, name: child.name, oid });
    }
    for (const file of folder.files) {
      const oid = file.oid ?? (await this.#changedFile(file, fd));
      if (oid !== undefined) entries.push({ mode: file.mode, name: file.name, oid });
    }
    return entries.length === 0 && folder.path !== '' ? '' : await this.#writer.add('tree', encodeTree(entries));
  }

  async #changedFolder(folder: FoundFolder, parentFd: number): Promise<string | undefined> {
    const fd = openSync(joinBytes(`/proc/self/fd/${parentFd}`, folder.name), folderFlags);
    try {
      const oid = await this.folder(folder, fd);
      return oid === '' ? undefined : oid;
    } finally {
      closeSync(fd);
    }
  }

  async #changedFile(file: FoundFile, parentFd: number): Promise<string | undefined> {
    await this.#pause();
    const at = joinBytes(`/proc/self/fd/${parentFd}`, file.name);
    if (file.mode === 0o120000) return await this.#blob(file, readlinkSync(at, { encoding: 'buffer' }));
    const fd = openOwn(at, readFlags, lstatSync(at));
    if (fd === undefined) return this.#refuse(file, 'unreadable');
    try {
      const now = fstatSync(fd);
      if (!now.isFile() || now.ino !== file.ino || now.size !== file.size)
        return this.#refuse(file, 'changed_while_read');
      return await this.#content(file, fd);
    } finally {
      closeSync(fd);
    }
  }

  async #content(file: FoundFile, fd: number): Promise<string | undefined> {
    this.#newBytes += file.size;
    if (this.#newBytes > this.#input.limits.newBytes) throw mountTooLarge('new bytes', this.#input.limits.newBytes);
    const control = gitFileOf(file.name);
    if (control !== undefined && file.size > wholeBytes) return this.#refuse(file, 'unsafe_git_file');
    if (file.size > wholeBytes) {
      const oid = await this.#writer.addStream(file.size, pieces(fd), this.#baseOid(file.path));
      return oid ?? this.#refuse(file, 'changed_while_read');
    }
    const data = Buffer.allocUnsafe(file.size);
    let at = 0;
    while (at < data.length) {
      const read = readSync(fd, data, at, data.length - at, at);
      if (read === 0) return this.#refuse(file, 'changed_while_read');
      at += read;
    }
    if (control !== undefined && isUnsafeGitFile(control, data)) return this.#refuse(file, 'unsafe_git_file');
    return await this.#blob(file, data);
  }

  async #blob(file: FoundFile, data: Buffer): Promise<string> {
    const oid = objectId('blob', data);
    return oid === this.#baseOid(file.path) ? oid : await this.#writer.add('blob', data, oid);
  }

  async #pause(): Promise<void> {
    if (this.#input.monotonic() - this.#sliceStart < sliceMs) return;
    await breathe();
    this.#sliceStart = this.#input.monotonic();
  }

  #refuse(file: FoundFile, reason: string): undefined {
    this.#refused.add(file.path, reason);
    return undefined;
  }
}

async function* pieces(fd: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    const read = readSync(fd, chunk, 0, chunk.length, at);
    if (read === 0) return;
    at += read;
    yield chunk.subarray(0, read);
    await breathe();
  }
}
