/**
 * The newest checkpoint of every log, kept outside the database.
 *
 * Whoever can rewrite or roll back the database cannot make it agree with a checkpoint they did not reach. It may lag behind the
 * log; it is never ahead of it.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@sallyport/service/log';

/** Keeps one note per org in a directory. */
export class Anchor {
  readonly #directory: string;
  readonly #log: Log;
  readonly #waiting = new Map<string, string>();
  #writing: Promise<void> | undefined;

  constructor(directory: string, log: Log) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#directory = directory;
    this.#log = log;
  }

  /** The note kept for an org. */
  read(org: string): string | undefined {
    try {
      return readFileSync(this.#path(org), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Keeps a note; while one is being written the newest of those that come in waits. */
  keep(org: string, note: string): void {
    this.#waiting.set(org, note);
    this.#writing ??= this.#drain();
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const [org, note] = next;
      // A stale anchor proves less, yet nothing false: the log goes on.
      await this.#write(org, note).catch((error: unknown) =>
        this.#log.warn({ org, error }, 'an anchor could not be written'),
      );
    }
    this.#writing = undefined;
  }

  #take(): [string, string] | undefined {
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next[0]);
    return next;
  }

  async #write(org: string, note: string): Promise<void> {
    const path = this.#path(org);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(note);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  #path(org: string): string {
    return join(this.#directory, `${org}.checkpoint`);
  }
}
