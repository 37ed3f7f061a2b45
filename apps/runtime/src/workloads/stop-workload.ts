/** A caller's wish that a workload end. Answers as soon as it is recorded. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { Backend, StopReason, type WorkloadSchema, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { Clock } from '@sallyport/core/clock';
import { isId } from '@sallyport/core/ids';
import { unknownWorkload } from '../faults.ts';
import { EndWorkload } from './end-workload.ts';
import { WorkloadLocks } from './keyed-mutex.ts';
import { Tombstones } from './tombstones.ts';
import { toWire } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

const maxWhy = 200;

@Injectable()
export class StopWorkload {
  constructor(
    private readonly locks: WorkloadLocks,
    private readonly book: WorkloadBook,
    private readonly tombstones: Tombstones,
    private readonly end: EndWorkload,
    private readonly clock: Clock,
  ) {}

  /** Stopping what is stopped is no error. Stopping what has not come yet keeps it from ever starting. */
  async execute(id: string, why: string): Promise<MessageInitShape<typeof WorkloadSchema>> {
    if (!isId('dispatch', id)) throw unknownWorkload(id);
    return this.locks.run(id, () => this.#stop(id, why));
  }

  async #stop(id: string, why: string): Promise<MessageInitShape<typeof WorkloadSchema>> {
    const known = this.book.find(id);
    if (known === undefined) return this.#stopBeforeStart(id);
    const words = why.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, maxWhy) || 'a caller asked for it';
    await this.end.execute(id, { reason: 'stopped', why: `stopped: ${words}`, capture: true, grace: true });
    return toWire(known);
  }

  async #stopBeforeStart(id: string): Promise<MessageInitShape<typeof WorkloadSchema>> {
    await this.tombstones.bury(id);
    return {
      id,
      backend: Backend.PROCESS,
      state: WorkloadState.STOPPED,
      stopReason: StopReason.STOPPED,
      reason: 'stopped_before_start: it will not start on this edge',
      since: timestampFromMs(this.clock.now()),
    };
  }
}
