/** Reads a bundle from a directory or an archive, without unpacking it. */

import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Broken } from './finding.ts';
import { paddingAfter, readTarHeader, tarBlock } from './tar.ts';

/** A bundle's files by path. */
export interface BundleSource {
  /** Every path there is; for an archive in its order. */
  readonly paths: readonly string[];
  /** Whether `paths` has a meaningful order. */
  readonly ordered: boolean;
  /** A file's bytes, or undefined when there is none under this path. */
  read(path: string): Buffer | undefined;
  close(): void;
}

class DirectorySource implements BundleSource {
  readonly ordered = false;
  readonly paths: readonly string[];
  readonly #root: string;
  readonly #known: ReadonlySet<string>;

  constructor(root: string) {
    this.#root = root;
    this.paths = [...this.#walk('')];
    this.#known = new Set(this.paths);
  }

  read(path: string): Buffer | undefined {
    return this.#known.has(path) ? readFileSync(join(this.#root, path)) : undefined;
  }

  close(): void {
    // Nothing is held open.
  }

  *#walk(folder: string): Generator<string> {
    for (const entry of readdirSync(join(this.#root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) yield* this.#walk(path);
      else if (entry.isFile()) yield path;
      else throw new Broken({ verdict: 'tamper', what: 'not_a_regular_file', file: path });
    }
  }
}

class ArchiveSource implements BundleSource {
  readonly ordered = true;
  readonly paths: readonly string[];
  readonly #fd: number;
  readonly #name: string;
  readonly #size: number;
  readonly #places = new Map<string, { at: number; bytes: number }>();

  constructor(path: string) {
    this.#name = path;
    this.#fd = openSync(path, 'r');
    this.#size = fstatSync(this.#fd).size;
    try {
      this.#index();
    } catch (error) {
      this.close();
      throw error;
    }
    this.paths = [...this.#places.keys()];
  }

  read(path: string): Buffer | undefined {
    const place = this.#places.get(path);
    return place === undefined ? undefined : this.#bytes(place.at, place.bytes, path);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #index(): void {
    for (let at = 0; ; ) {
      const header = this.#bytes(at, tarBlock, this.#name);
      if (header.every((byte) => byte === 0)) return this.#expectEnd(at);
      const entry = readTarHeader(header);
      if (entry === undefined || this.#places.has(entry.path)) {
        const name = header
          .subarray(0, 100)
          .toString('latin1')
          .replace(/[^!-~]/gu, '');
        throw this.#tamper('archive_header', at, name);
      }
      const data = at + tarBlock;
      this.#places.set(entry.path, { at: data, bytes: entry.bytes });
      const padding = this.#bytes(data + entry.bytes, paddingAfter(entry.bytes), entry.path);
      if (padding.some((byte) => byte !== 0)) throw this.#tamper('archive_padding', data + entry.bytes, entry.path);
      at = data + entry.bytes + padding.length;
    }
  }

  #expectEnd(at: number): void {
    const rest = this.#bytes(at, Math.min(this.#size - at, 4 * tarBlock), this.#name);
    const dirty = rest.findIndex((byte) => byte !== 0);
    if (dirty >= 0) throw this.#tamper('archive_end', at + dirty, this.#name);
    if (rest.length > 2 * tarBlock) throw this.#tamper('archive_end', at + 2 * tarBlock, this.#name);
    if (rest.length < 2 * tarBlock) throw this.#short(this.#name);
  }

  #bytes(at: number, length: number, file: string): Buffer {
    const bytes = Buffer.allocUnsafe(at + length <= this.#size ? length : 0);
    if (bytes.length < length || readSync(this.#fd, bytes, 0, length, at) < length) throw this.#short(file);
    return bytes;
  }

  #tamper(what: string, at: number, file: string): Broken {
    return new Broken({
      verdict: 'tamper',
      what,
      file: file === '' ? this.#name : file,
      detail: `byte ${at} of the archive`,
    });
  }

  #short(file: string): Broken {
    return new Broken({
      verdict: 'incomplete',
      what: 'archive_truncated',
      file,
      detail: `archive has ${this.#size} bytes`,
    });
  }
}

/** Opens a directory or archive. Throws Broken when it cannot be read as a bundle at all. */
export function openBundle(path: string): BundleSource {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new Broken({ verdict: 'incomplete', what: 'no_such_bundle', file: path });
  return stat.isDirectory() ? new DirectorySource(path) : new ArchiveSource(path);
}
