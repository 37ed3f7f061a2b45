/**
 * Carries transitions from the journal to those who must hear of them: the audit log and the scheduler, each in order, each
 * tried until it has taken it. Nobody waits for it: a stop does not hang on a scheduler that is down.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { Fault } from '@sallyport/core/fault';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { EdgeName } from '../edge/edge-name.ts';
import { Journal } from '../workloads/journal.ts';
import { isLive, type Unsent, type WorkloadRecord } from '../workloads/workload.ts';
import { WorkloadBook } from '../workloads/workload-book.ts';
import { Backoff } from './backoff.ts';
import { transitionEvent } from './transition-event.ts';

/** Resolves once everything the scheduler must have before a report is there. */
export type BeforeReport = (record: WorkloadRecord) => Promise<void>;

/** Milliseconds a shutdown waits for calls in flight. */
const closeMs = 500;

type Lane = 'audited' | 'reported';

@Injectable()
export class Courier {
  readonly #scheduler: BusClient<typeof ScheduleService>;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #beforeFinalReport: BeforeReport = () => Promise.resolve();
  #onStale: (record: WorkloadRecord) => void = () => undefined;

  constructor(
    bus: Bus,
    private readonly audit: AuditClient,
    private readonly book: WorkloadBook,
    private readonly journal: Journal,
    private readonly edge: EdgeName,
    private readonly log: Log,
  ) {
    this.#scheduler = busClient(bus, 'scheduler', ScheduleService);
  }

  /** What a report of the end waits for: a run whose end is told has all its output stored. */
  beforeFinalReport(wait: BeforeReport): void {
    this.#beforeFinalReport = wait;
  }

  /** Hears of workloads whose lease the scheduler has given to a later attempt. */
  onStale(listener: (record: WorkloadRecord) => void): void {
    this.#onStale = listener;
  }

  /** Sends what is unsent of a record, unless that is under way. */
  kick(record: WorkloadRecord): void {
    this.#run(record, 'audited');
    this.#run(record, 'reported');
  }

  /** Ends the tries; what is unsent stays in the journal. */
  async close(): Promise<void> {
    this.#stop.abort();
    const giveUp = sleep(closeMs, undefined, { ref: false });
    await Promise.race([Promise.allSettled(this.#busy.values()), giveUp]);
  }

  #run(record: WorkloadRecord, lane: Lane): void {
    const key = `${lane}/${record.id}`;
    if (this.#busy.has(key) || this.#stop.signal.aborted) return;
    const work = this.#drain(record, lane).finally(() => {
      this.#busy.delete(key);
      if (record.unsent.some((unsent) => !unsent[lane])) this.#run(record, lane);
    });
    this.#busy.set(key, work);
  }

  async #drain(record: WorkloadRecord, lane: Lane): Promise<void> {
    for (;;) {
      const unsent = record.unsent.find((candidate) => !candidate[lane]);
      if (unsent === undefined) break;
      await this.#deliver(record, unsent, lane);
      if (this.#stop.signal.aborted) return;
      unsent[lane] = true;
      record.unsent = record.unsent.filter(({ audited, reported }) => !(audited && reported));
    }
    // Deliveries are idempotent, so their record needs to be durable only once the last one is done.
    if (!isLive(record.state) && this.book.find(record.id) === record)
      await this.journal.save(record).catch(() => undefined);
  }

  async #deliver(record: WorkloadRecord, unsent: Unsent, lane: Lane): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 5_000 });
    for (let tries = 0; ; tries += 1) {
      try {
        return lane === 'audited' ? await this.#tellAudit(record, unsent) : await this.#tellScheduler(record, unsent);
      } catch (thrown) {
        const fault = Fault.from(thrown);
        if (this.#isFinal(record, fault, lane)) return;
        // Said once a delivery: an outage is one thing, however long it lasts.
        if (tries === 0) {
          const { id: workload } = record;
          this.log.warn({ workload, lane, reason: fault.reason }, 'a transition waits until it can be handed on');
        }
      }
      await backoff.wait(this.#stop.signal);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #tellAudit(record: WorkloadRecord, { event }: Unsent): Promise<void> {
    await this.audit.append([transitionEvent(record, event)]);
  }

  async #tellScheduler(record: WorkloadRecord, { event }: Unsent): Promise<void> {
    const final = event.workload?.state === WorkloadState.STOPPED;
    if (final) await this.#beforeFinalReport(record);
    const { result, commits } = record;
    await this.#scheduler.reportWorkload({
      edge: this.edge.name,
      event,
      ...(final && { commits, ...(result && { result }) }),
    });
  }

  /** Whether trying again cannot help. */
  #isFinal(record: WorkloadRecord, fault: Fault, lane: Lane): boolean {
    if (fault.retryable || fault.code === 'internal') return false;
    this.log.error({ workload: record.id, lane, reason: fault.reason }, 'a transition was refused for good');
    if (fault.reason === 'scheduler.stale_epoch') this.#onStale(record);
    return true;
  }
}
