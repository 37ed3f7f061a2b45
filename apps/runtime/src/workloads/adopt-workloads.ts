/**
 * Finds back to work after a restart: what lives is adopted as it is, what is dead is settled from evidence, what never got its
 * work is ended. Runs before the edge takes calls.
 */

import { Inject, Injectable } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import type { Backend, Handle } from '../backends/backend.ts';
import { edgeRestarted } from '../faults.ts';
import { BACKEND } from '../parts.ts';
import { Courier } from '../reports/courier.ts';
import { workOf } from '../tether/work-of.ts';
import { AttendWorkload } from './attend-workload.ts';
import { EndWorkload } from './end-workload.ts';
import { Journal } from './journal.ts';
import type { LiveWorkload } from './live-workload.ts';
import { SettleWorkload } from './settle-workload.ts';
import { Tombstones } from './tombstones.ts';
import { isLive, type WorkloadRecord } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

const againMs = 1_000;
const ignored = (): void => undefined;

@Injectable()
export class AdoptWorkloads {
  constructor(
    private readonly book: WorkloadBook,
    private readonly journal: Journal,
    private readonly tombstones: Tombstones,
    private readonly attend: AttendWorkload,
    private readonly settle: SettleWorkload,
    private readonly end: EndWorkload,
    private readonly courier: Courier,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
  ) {}

  async execute(): Promise<void> {
    await this.journal.open();
    await this.tombstones.load();
    const records = await this.journal.readAll();
    for (const record of records) this.book.restore(record);
    for (const record of records) await this.#restore(record);
  }

  async #restore(record: WorkloadRecord): Promise<void> {
    let live: LiveWorkload | undefined;
    try {
      if (!isLive(record.state) && record.unsent.every(({ reported }) => reported)) return;
      live = await this.attend.open(record);
      if (isLive(record.state)) await this.#adopt(live);
      // What was not handed on before the restart is handed on now; what was, is stored once.
      if (live.access.held !== undefined) live.sender.start();
    } catch (error) {
      this.log.error({ workload: record.id, error }, 'a workload could not be taken over; its sandbox is killed');
      await this.#endUntaken(record, live).catch((cause: unknown) => this.log.error({ error: cause }, 'a kill failed'));
    } finally {
      this.courier.kick(record);
    }
  }

  async #adopt(live: LiveWorkload): Promise<void> {
    const { record } = live;
    const { handle } = record;
    this.log.info({ workload: record.id, state: record.state }, 'a workload of an earlier process is taken over');
    if (handle === undefined) return this.#endUnstarted(live);
    await this.backend.adopt(handle);
    if (record.state === 'starting') return this.#endUnready(live, handle);
    await this.attend.openTether(live);
    live.work.resolve(workOf(record.unit, live.limits.idleSeconds));
    this.settle.watch(live, handle);
    await this.backend
      .holdDisk(handle)
      .catch((error: unknown) => this.log.warn({ workload: record.id, error }, 'its disk is not watched'));
    if (record.state !== 'stopping') return;
    live.ending.abort();
    this.end.bringDown(live);
  }

  /**
   * Nothing is known of its sandbox but its label, by which it is cleared. Until the substrate can say that nothing of it is left
   * it stays as it is: the edge takes calls meanwhile.
   */
  async #endUnstarted(live: LiveWorkload): Promise<void> {
    live.startFault = edgeRestarted();
    const clear = async (): Promise<void> => {
      await this.backend.reap(live.record);
      await this.settle.settleUnstarted(live);
    };
    await clear().catch((error: unknown) => {
      this.log.warn({ workload: live.record.id, error }, 'what is left of it cannot be cleared yet');
      const again = setInterval(() => void clear().then(() => clearInterval(again), ignored), againMs);
      again.unref();
    });
  }

  /** It is in nobody's hand, so it is killed; its end is waited for and told as any other. */
  async #endUntaken(record: WorkloadRecord, live: LiveWorkload | undefined): Promise<void> {
    const { handle } = record;
    if (handle === undefined) return this.backend.reap(record);
    if (live !== undefined && isLive(record.state)) this.settle.watch(live, handle);
    await this.backend.kill(handle);
  }

  /** Its intent token may be burnt, so it can never be attested: nothing of it was handed over, and it ends. */
  async #endUnready(live: LiveWorkload, handle: Handle): Promise<void> {
    live.startFault = edgeRestarted();
    this.settle.watch(live, handle);
    await this.backend.kill(handle);
  }
}
