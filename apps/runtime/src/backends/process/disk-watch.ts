/**
 * Holds rw mounts to their disk limit, for folders on a file system without quotas.
 *
 * Free space is asked every quarter second, which costs one system call. Only when more of it is gone than a workload may have
 * taken without harm are that workload's folders walked; and every few seconds when free space moved at all, because somebody
 * else may give back what this one takes.
 */

import { lstat, opendir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@sallyport/core/clock';
import type { DiskUse, Handle } from '../backend.ts';
import { errorCode } from './proc.ts';

const pollMs = 250;
const longestMs = 5000;
/** Growth nobody is walked for. */
const graceBytes = 4 * 1024 ** 2;
const graceFiles = 1000;
const baselineFile = 'disk';

const nothing: DiskUse = { bytes: 0, files: 0 };
const beyond: DiskUse = { bytes: Number.POSITIVE_INFINITY, files: Number.POSITIVE_INFINITY };

/** Adds up folders without following links; stops early, with what it has, once beyond `enough`. */
export async function measure(directories: readonly string[], enough: DiskUse = beyond): Promise<DiskUse> {
  let bytes = 0;
  let files = 0;
  const open = [...directories];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    try {
      const names: string[] = [];
      for await (const entry of await opendir(directory)) {
        files += 1;
        if (files > enough.files) return { bytes, files };
        const path = join(directory, entry.name);
        if (entry.isDirectory()) open.push(path);
        else names.push(path);
      }
      for (const name of names) {
        bytes += (await lstat(name)).blocks * 512;
        if (bytes > enough.bytes) return { bytes, files };
      }
    } catch (error) {
      const code = errorCode(error);
      // A path too long to name is made to hide what lies below it.
      if (code === 'ENAMETOOLONG') return beyond;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
  }
  return { bytes, files };
}

/** Free bytes and file entries of the file system below a folder. */
async function freeOf(directory: string): Promise<DiskUse> {
  const { bavail, bsize, ffree } = await statfs(directory);
  return { bytes: bavail * bsize, files: ffree };
}

interface Watched {
  readonly handle: Handle;
  readonly most: DiskUse;
  free: DiskUse;
  slack: DiskUse;
  walkedAt: number;
  over: boolean;
}

export class DiskWatch {
  private readonly watched = new Map<string, Watched>();
  private readonly measuring = new Set<string>();
  private readonly timer: NodeJS.Timeout;
  private readonly listeners: ((id: string, used: DiskUse) => void)[] = [];
  private readonly clock: Clock;
  private walking = false;

  constructor(clock: Clock) {
    this.clock = clock;
    this.timer = setInterval(() => void this.look(), pollMs);
    this.timer.unref();
  }

  onOver(listener: (id: string, used: DiskUse) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Counts from what the folders hold now, or from what the caller knows they hold, and remembers it for a later process. A
   * count that was begun is kept: nobody gets a second allowance.
   */
  async hold(handle: Handle, standing?: DiskUse): Promise<void> {
    const { directories } = handle.disk;
    if (directories.length === 0 || this.watched.has(handle.id) || this.measuring.has(handle.id)) return;
    if (standing !== undefined) return this.begin(handle, standing);
    this.measuring.add(handle.id);
    measure(directories)
      .then((base) => (this.measuring.delete(handle.id) ? this.begin(handle, base) : undefined))
      .catch(() => this.measuring.delete(handle.id));
  }

  /** Goes on where an earlier process of this runtime stopped; a workload it never counted starts from nothing. */
  async adopt(handle: Handle): Promise<void> {
    const { directories, limit } = handle.disk;
    if (directories.length === 0) return;
    const base = await readFile(join(handle.directory, baselineFile), 'utf8').then(
      (text) => JSON.parse(text) as DiskUse,
      () => undefined,
    );
    if (base !== undefined) this.watch(handle, { bytes: base.bytes + limit.bytes, files: base.files + limit.files });
  }

  forget(id: string): void {
    this.watched.delete(id);
    this.measuring.delete(id);
  }

  close(): void {
    clearInterval(this.timer);
    this.watched.clear();
  }

  private async begin(handle: Handle, base: DiskUse): Promise<void> {
    const { limit } = handle.disk;
    this.watch(handle, { bytes: base.bytes + limit.bytes, files: base.files + limit.files });
    await writeFile(join(handle.directory, baselineFile), JSON.stringify(base), { mode: 0o600 });
  }

  private watch(handle: Handle, most: DiskUse): void {
    this.watched.set(handle.id, { handle, most, free: nothing, slack: nothing, walkedAt: 0, over: false });
  }

  /** One look at every workload; a look that finds an earlier one still walking leaves it to that. */
  private async look(): Promise<void> {
    if (this.walking) return;
    this.walking = true;
    try {
      for (const entry of this.watched.values()) {
        // A folder that cannot be asked is asked again at the next look.
        if (!entry.over) await this.lookAt(entry).catch(() => undefined);
      }
    } finally {
      this.walking = false;
    }
  }

  private async lookAt(entry: Watched): Promise<void> {
    const { directories } = entry.handle.disk;
    const free = await freeOf(directories[0] ?? '/');
    const now = this.clock.monotonic();
    const gone = { bytes: entry.free.bytes - free.bytes, files: entry.free.files - free.files };
    const moved = Math.abs(gone.bytes) > graceBytes || Math.abs(gone.files) > graceFiles;
    const harmful =
      gone.bytes > Math.max(graceBytes, entry.slack.bytes / 4) ||
      gone.files > Math.max(graceFiles, entry.slack.files / 4);
    if (!harmful && !(moved && now - entry.walkedAt > longestMs)) return;
    const used = await measure(directories, entry.most);
    entry.free = free;
    entry.walkedAt = now;
    entry.slack = { bytes: entry.most.bytes - used.bytes, files: entry.most.files - used.files };
    if (entry.slack.bytes >= 0 && entry.slack.files >= 0) return;
    entry.over = true;
    for (const listener of this.listeners) listener(entry.handle.id, used);
  }
}
