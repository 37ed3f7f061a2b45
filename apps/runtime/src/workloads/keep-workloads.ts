/** The clocks of this edge: lifetimes, idleness, renewals, revocations, retention, leftovers. */

import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import type { Backend } from '../backends/backend.ts';
import { BACKEND, RETENTION_MS } from '../parts.ts';
import { Courier } from '../reports/courier.ts';
import { RenewDispatch } from '../tokens/renew-dispatch.ts';
import { EndWorkload } from './end-workload.ts';
import { Journal } from './journal.ts';
import type { LiveWorkload } from './live-workload.ts';
import { ReclaimWorkload } from './reclaim-workload.ts';
import { Transitions } from './transitions.ts';
import { isLive, type WorkloadRecord } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

const tickMs = 200;
const sweepMs = 5_000;

/** How long the record of a reclaimed workload still answers. */
const rememberMs = 60 * 60 * 1000;

const clockEnds = {
  max_lifetime: { reason: 'max_lifetime', why: 'max_lifetime: it ran as long as it may', capture: true, grace: true },
  idle_timeout: { reason: 'idle_timeout', why: 'idle_timeout: nothing was heard of it', capture: true, grace: true },
} as const;

@Injectable()
export class KeepWorkloads {
  #timers: NodeJS.Timeout[] = [];
  #sweeping: Promise<void> | undefined;

  constructor(
    private readonly book: WorkloadBook,
    private readonly end: EndWorkload,
    private readonly renewal: RenewDispatch,
    private readonly reclaim: ReclaimWorkload,
    private readonly transitions: Transitions,
    private readonly courier: Courier,
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
    @Inject(RETENTION_MS) private readonly retentionMs: number,
  ) {}

  start(): void {
    this.backend.onOverDisk((id, { bytes, files }) => {
      const why = `disk_exhausted: its mounts hold ${bytes} bytes in ${files} files`;
      void this.end.execute(id, { reason: 'failed', why, capture: false, grace: false });
    });
    this.#timers = [setInterval(() => this.tick(), tickMs), setInterval(() => void this.sweep(), sweepMs)];
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** What must be noticed within a second. */
  tick(): void {
    for (const live of this.book.allLive()) {
      if (live.record.state !== 'starting' && live.record.state !== 'running') continue;
      void this.#look(live).catch((error: unknown) =>
        this.log.error({ workload: live.record.id, error }, 'a look at a workload failed'),
      );
    }
  }

  /** What may wait some seconds. Two sweeps never overlap. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep()
      .catch((error: unknown) => this.log.error({ error }, 'a sweep failed'))
      .finally(() => {
        this.#sweeping = undefined;
      });
    return this.#sweeping;
  }

  async #look(live: LiveWorkload): Promise<void> {
    const expired = live.expired();
    if (expired !== undefined) return this.end.execute(live.record.id, clockEnds[expired]);
    await this.renewal.checkRevoked(live);
    await this.renewal.renewIfDue(live);
  }

  async #sweep(): Promise<void> {
    await this.transitions.saveUnsaved();
    for (const record of this.book.all()) {
      if (record.unsent.length > 0) this.courier.kick(record);
      if (record.state === 'stopped') await this.#reclaimIfOld(record);
      if (record.state === 'destroyed') await this.#forgetIfOld(record);
    }
    await this.#killOrphans();
  }

  async #reclaimIfOld(record: WorkloadRecord): Promise<void> {
    if (this.clock.now() < record.since + this.retentionMs) return;
    await this.reclaim.execute(record.id).catch((error: unknown) => {
      this.log.warn({ workload: record.id, error }, 'a workload is not reclaimed yet');
    });
  }

  async #forgetIfOld(record: WorkloadRecord): Promise<void> {
    if (record.unsent.length > 0 || this.clock.now() < record.since + rememberMs) return;
    await this.journal.forget(record.id);
    this.book.forget(record.id);
  }

  /** What the substrate runs and no journal knows is killed: nobody would ever end it. */
  async #killOrphans(): Promise<void> {
    for (const found of await this.backend.list()) {
      const record = this.book.find(found.id);
      if (record !== undefined && isLive(record.state)) continue;
      this.log.warn({ workload: found.id, backend: found.backend }, 'a sandbox nobody knows is killed');
      await this.backend.reap(found);
    }
  }
}
