/** Gives back everything a stopped workload left on the edge, and says so only when nothing of it is there any more. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Backend } from '../backends/backend.ts';
import { reclaimFailed, stillLive } from '../faults.ts';
import { BACKEND } from '../parts.ts';
import { Journal } from './journal.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { removeTree } from './remove-tree.ts';
import { Transitions } from './transitions.ts';
import { isLive, type WorkloadRecord } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

/** Milliseconds to wait for output that is still on its way to the scheduler. */
const drainMs = 5_000;

async function within(ms: number, work: Promise<void>): Promise<void> {
  const late = new AbortController();
  const timeout = sleep(ms, undefined, { signal: late.signal }).then(() =>
    Promise.reject(new Error('output is still on its way')),
  );
  timeout.catch(() => undefined);
  await Promise.race([work, timeout]).finally(() => late.abort());
}

@Injectable()
export class ReclaimWorkload {
  readonly #locks = new KeyedMutex();

  constructor(
    private readonly book: WorkloadBook,
    private readonly journal: Journal,
    private readonly transitions: Transitions,
    @Inject(BACKEND) private readonly backend: Backend,
  ) {}

  /** @throws Fault `runtime.workload_unknown`, `runtime.workload_live`, `runtime.reclaim_failed`. */
  execute(id: string): Promise<WorkloadRecord> {
    return this.#locks.run(id, async () => {
      const record = this.book.get(id);
      if (record.state === 'destroyed') return record;
      if (isLive(record.state)) throw stillLive(id, record.state);
      await this.#clear(record);
      await this.transitions.move(record, 'reclaim', { why: 'reclaimed: nothing of it is left on the edge' });
      return record;
    });
  }

  async #clear(record: WorkloadRecord): Promise<void> {
    const { id, handle } = record;
    try {
      const live = this.book.live(id);
      if (live?.access.held !== undefined) await within(drainMs, live.sender.drained());
      await live?.close();
      this.book.dismiss(id);
      // A start that failed has no handle, and what it left at a substrate that was away bears the workload's label.
      await (handle === undefined ? this.backend.reap(record) : this.backend.cleanup(handle));
      for (const name of ['mounts', 'tether', 'output.log']) {
        await removeTree(join(this.journal.directoryOf(id), name));
      }
    } catch (error) {
      throw reclaimFailed(id, error);
    }
  }
}
