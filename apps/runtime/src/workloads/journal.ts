/**
 * The journal: one file per workload, replaced as a whole, so that it is always either the old record or the new one.
 *
 * A write that has resolved survives the loss of power. Writes of one workload that wait for each other become one. The
 * files hold proof keys and tokens, so nobody else may read them.
 */

import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '@sallyport/core/ids';
import type { Log } from '@sallyport/service/log';
import { journalUnwritable } from '../faults.ts';
import { decodeRecord, encodeRecord } from './record-codec.ts';
import { removeTree } from './remove-tree.ts';
import type { WorkloadRecord } from './workload.ts';

const fileName = 'journal.json';
const workloadsName = 'workloads';
const tombstonesName = 'tombstones';

export class Journal {
  readonly #directory: string;
  readonly #log: Log;
  readonly #writing = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, { record: WorkloadRecord; readonly done: Promise<void> }>();

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** The folder of one workload: journal, output, tether, sandbox. */
  directoryOf(id: string): string {
    return join(this.#directory, workloadsName, id);
  }

  /** Makes the folders. */
  async open(): Promise<void> {
    for (const name of [workloadsName, tombstonesName]) {
      await mkdir(join(this.#directory, name), { recursive: true, mode: 0o700 });
    }
  }

  /**
   * Makes the record durable as it stands when the write begins, which is never before this call.
   *
   * @throws Fault `runtime.journal_unwritable`; the record on disk is then still the one before.
   */
  save(record: WorkloadRecord): Promise<void> {
    const running = this.#writing.get(record.id);
    if (running === undefined) return this.#begin(record);
    const queued = this.#waiting.get(record.id);
    if (queued !== undefined) {
      queued.record = record;
      return queued.done;
    }
    const begin = (): Promise<void> => this.#begin(this.#waiting.get(record.id)?.record ?? record);
    const done = running.then(begin, begin);
    this.#waiting.set(record.id, { record, done });
    return done;
  }

  /** Every record that can be read. What cannot be read is put aside under another name and logged, never believed. */
  async readAll(): Promise<WorkloadRecord[]> {
    const names = (await readdir(join(this.#directory, workloadsName))).filter((name) => isId('dispatch', name));
    const records: WorkloadRecord[] = [];
    for (const id of names) {
      const path = join(this.directoryOf(id), fileName);
      try {
        const record = decodeRecord(await readFile(path, 'utf8'));
        if (record.id !== id) throw new Error('the record is of another workload');
        records.push(record);
      } catch (error) {
        this.#log.error(
          { workload: id, error },
          'a journal cannot be read; it is put aside and its sandbox will be killed',
        );
        await rename(path, `${path}.unreadable`).catch(() => undefined);
      }
    }
    return records.toSorted((a, b) => a.createdAt - b.createdAt);
  }

  /** Removes a workload's folder with everything in it, after the writes that are under way: none may bring it back. */
  async forget(id: string): Promise<void> {
    await Promise.allSettled([this.#writing.get(id), this.#waiting.get(id)?.done]);
    await removeTree(this.directoryOf(id));
  }

  /** Records that a stop came before the workload. */
  async bury(id: string): Promise<void> {
    const directory = join(this.#directory, tombstonesName);
    try {
      await writeDurably(directory, id, '');
    } catch (error) {
      throw journalUnwritable(error);
    }
  }

  async tombstones(): Promise<string[]> {
    return (await readdir(join(this.#directory, tombstonesName))).filter((name) => isId('dispatch', name));
  }

  async unbury(id: string): Promise<void> {
    await unlink(join(this.#directory, tombstonesName, id)).catch(() => undefined);
  }

  #begin(record: WorkloadRecord): Promise<void> {
    this.#waiting.delete(record.id);
    const writing = this.#write(record).finally(() => {
      if (this.#writing.get(record.id) === writing) this.#writing.delete(record.id);
    });
    this.#writing.set(record.id, writing);
    return writing;
  }

  async #write(record: WorkloadRecord): Promise<void> {
    try {
      const directory = this.directoryOf(record.id);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeDurably(directory, fileName, encodeRecord(record));
    } catch (error) {
      throw journalUnwritable(error);
    }
  }
}

async function writeDurably(directory: string, name: string, text: string): Promise<void> {
  const next = join(directory, `${name}.next`);
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, join(directory, name));
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
