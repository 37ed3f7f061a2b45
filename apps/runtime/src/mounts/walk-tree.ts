/**
 * What a dead sandbox left in a directory, by stat alone: nothing is read, no symlink is followed.
 *
 * Every open goes through a descriptor of the parent folder (`/proc/self/fd/N/name` with O_NOFOLLOW), which is what openat does, so
 * a folder that is swapped for a symlink is refused by the kernel. A stat goes by path, which costs half: all it can decide is that
 * a file is the very inode that was checked out. Names are latin1 strings, a character per byte.
 */

import { chmodSync, closeSync, constants, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import type { CaptureLimits } from './capture-limits.ts';
import { gitFileOf, isGitDirName } from './entry-name.ts';
import type { GitIndex, IndexEntry } from './git-index.ts';
import { mountTooLarge } from './mount-faults.ts';
import { Refusals } from './refusals.ts';

export interface FoundFile {
  readonly name: string;
  readonly path: string;
  /** 0o100644, 0o100755, 0o120000 or, for a submodule left as it was, 0o160000. */
  readonly mode: number;
  readonly size: number;
  readonly ino: number;
  /** Object id when the stat data proves it unchanged. */
  oid: string | undefined;
}

export interface FoundFolder {
  readonly path: string;
  readonly name: string;
  files: FoundFile[];
  readonly folders: FoundFolder[];
  /** Tree id when nothing below changed. */
  readonly tree: string | undefined;
}

export interface Walk {
  readonly root: FoundFolder;
  readonly refused: Refusals;
}

export interface WalkInput {
  readonly target: string;
  readonly index: GitIndex;
  /** Files at or after this time are not trusted by their stat data (git's racy rule). */
  readonly indexMtimeMs: number;
  readonly limits: CaptureLimits;
  readonly monotonic: () => number;
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** HOME of the dispatch that ran here: scratch that is nobody's content, and never stored whatever is in it. */
const homeOfDispatch = '.sally/home';

/** Milliseconds of stat calls between two turns of the event loop. */
const sliceMs = 8;

export async function walkTree(input: WalkInput): Promise<Walk> {
  const walker = new Walker(input);
  const fd = openSync(input.target, folderFlags);
  try {
    const root = await walker.folder(fd, '', '', 0);
    walker.refuseOutsideLinks();
    return { root, refused: walker.refused };
  } finally {
    closeSync(fd);
  }
}

class Walker {
  readonly refused = new Refusals();
  readonly #input: WalkInput;
  readonly #baseChildren: ReadonlyMap<string, number>;
  readonly #links = new Map<number, { nlink: number; found: { folder: FoundFolder; file: FoundFile }[] }>();
  #entries = 0;
  #sliceStart: number;

  constructor(input: WalkInput) {
    this.#input = input;
    this.#baseChildren = countChildren(input.index);
    this.#sliceStart = input.monotonic();
  }

  async folder(fd: number, path: string, name: string, depth: number): Promise<FoundFolder> {
    const base = `/proc/self/fd/${fd}`;
    const names = readdirSync(base, { encoding: 'latin1' });
    this.#entries += names.length;
    if (this.#entries > this.#input.limits.entries) throw mountTooLarge('entries', this.#input.limits.entries);
    const found: { path: string; name: string; files: FoundFile[]; folders: FoundFolder[]; tree: string | undefined } =
      {
        path,
        name,
        files: [],
        folders: [],
        tree: undefined,
      };
    let unchanged = 0;
    for (const child of this.#withoutFolds(path, names)) {
      const childPath = path === '' ? child : `${path}/${child}`;
      if (childPath === homeOfDispatch) continue;
      if (childPath.length > this.#input.limits.pathBytes) {
        this.#refuse(childPath, 'path_too_long');
        continue;
      }
      const stat = lstatSync(joinBytes(this.#input.target, childPath));
      if (isGitDirName(child)) {
        this.#refuse(childPath, 'git_dir');
      } else if (stat.isDirectory()) {
        unchanged += await this.#enter(found, joinBytes(base, child), childPath, child, depth, stat);
      } else {
        unchanged += this.#file(found, childPath, child, stat);
      }
    }
    if (unchanged === names.length && unchanged === this.#baseChildren.get(path))
      found.tree = this.#input.index.trees.get(path);
    return found;
  }

  /** Walks a folder; 1 when nothing below it changed. */
  async #enter(
    parent: FoundFolder,
    at: Buffer | string,
    path: string,
    name: string,
    depth: number,
    stat: Stats,
  ): Promise<number> {
    if (depth >= this.#input.limits.depth) return this.#refuse(path, 'too_deep');
    const fd = openOwn(at, folderFlags, stat);
    if (fd === undefined) return this.#refuse(path, 'unreadable');
    try {
      if (this.#input.monotonic() - this.#sliceStart > sliceMs) {
        await breathe();
        this.#sliceStart = this.#input.monotonic();
      }
      const base = this.#input.index.entries.get(path);
      const folder = await this.folder(fd, path, name, depth + 1);
      if (base?.mode === 0o160000 && folder.files.length + folder.folders.length === 0) {
        parent.files.push({ name, path, mode: base.mode, size: 0, ino: stat.ino, oid: base.oid });
        return 1;
      }
      parent.folders.push(folder);
      return folder.tree === undefined ? 0 : 1;
    } finally {
      closeSync(fd);
    }
  }

  /** Notes a file; 1 when it is the one that was checked out. */
  #file(folder: FoundFolder, path: string, name: string, stat: Stats): number {
    const symlink = stat.isSymbolicLink();
    if (!symlink && !stat.isFile()) return this.#refuse(path, 'special_file');
    if (symlink && gitFileOf(name) === 'gitmodules') return this.#refuse(path, 'symlinked_git_file');
    const { size } = stat;
    if (size > this.#input.limits.fileBytes) return this.#refuse(path, 'too_large');
    const mode = symlink ? 0o120000 : (stat.mode & 0o100) === 0 ? 0o100644 : 0o100755;
    const base = this.#input.index.entries.get(path);
    const same = base !== undefined && base.mode === mode && this.#isSame(base, stat);
    const file = { name, path, mode, size, ino: stat.ino, oid: same ? base.oid : undefined };
    folder.files.push(file);
    if (!symlink && stat.nlink > 1) this.#noteLink(folder, file, stat);
    return same ? 1 : 0;
  }

  #isSame(base: IndexEntry, stat: Stats): boolean {
    return (
      base.mtimeMs === stat.mtimeMs &&
      base.ctimeMs === stat.ctimeMs &&
      base.size === stat.size % 0x1_0000_0000 &&
      base.ino === stat.ino % 0x1_0000_0000 &&
      stat.mtimeMs < this.#input.indexMtimeMs &&
      stat.ctimeMs < this.#input.indexMtimeMs
    );
  }

  #noteLink(folder: FoundFolder, file: FoundFile, stat: Stats): void {
    const known = this.#links.get(stat.ino) ?? { nlink: stat.nlink, found: [] };
    known.found.push({ folder, file });
    this.#links.set(stat.ino, known);
  }

  /** A file with more names than were found here has one outside, so its content may be somebody else's. */
  refuseOutsideLinks(): void {
    for (const { nlink, found } of this.#links.values()) {
      if (found.length === nlink) continue;
      for (const { folder, file } of found) {
        folder.files = folder.files.filter((other) => other !== file);
        this.#refuse(file.path, 'outside_hardlink');
      }
    }
  }

  /** Of names that differ by case only, the one that was checked out stays, else the first by byte. */
  #withoutFolds(path: string, names: readonly string[]): readonly string[] {
    const byFold = new Map<string, string>();
    const kept = (name: string): boolean => {
      const child = path === '' ? name : `${path}/${name}`;
      return this.#input.index.entries.has(child) || this.#input.index.trees.has(child);
    };
    const ordered = [...names].sort();
    for (const name of ordered) {
      const fold = foldOf(name);
      const other = byFold.get(fold);
      if (other === undefined || (kept(name) && !kept(other))) byFold.set(fold, name);
    }
    if (byFold.size === names.length) return ordered;
    const winners = new Set(byFold.values());
    return ordered.filter((name) => {
      const stays = winners.has(name) || kept(name);
      if (!stays) this.#refuse(path === '' ? name : `${path}/${name}`, 'case_fold');
      return stays;
    });
  }

  #refuse(path: string, reason: string): 0 {
    this.refused.add(path, reason);
    return 0;
  }
}

/** Direct children by folder path, files and folders alike. */
function countChildren(index: GitIndex): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const add = (path: string): void => void counts.set(parentOf(path), (counts.get(parentOf(path)) ?? 0) + 1);
  for (const path of index.entries.keys()) add(path);
  for (const path of index.trees.keys()) if (path !== '') add(path);
  if (!counts.has('')) counts.set('', 0);
  return counts;
}

/** A name as a file system that ignores case sees it; what is not UTF-8 stands for itself. */
function foldOf(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return name.toLowerCase();
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? name : text.normalize('NFC').toLowerCase();
}

/** A path below a descriptor, as bytes only when the name needs it. */
export const joinBytes = (base: string, name: string): string | Buffer =>
  /^[\x20-\x7e]*$/.test(name)
    ? `${base}/${name}`
    : Buffer.concat([Buffer.from(`${base}/`), Buffer.from(name, 'latin1')]);

/** Opens what lstat has just seen; a mode without read is lifted first, which only the owner can do. */
export function openOwn(at: string | Buffer, flags: number, stat: Stats): number | undefined {
  try {
    return openSync(at, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return undefined;
  }
  try {
    chmodSync(at, (stat.mode & 0o777) | (stat.isDirectory() ? 0o500 : 0o400));
    return openSync(at, flags);
  } catch {
    return undefined;
  }
}
