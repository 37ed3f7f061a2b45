/**
 * Hands one workload's output to the scheduler, in order, from the spill file, until it is durable there.
 *
 * One batch is in flight at a time and the next one holds whatever came meanwhile, so a quiet stream is handed on at once
 * and a busy one in large pieces. What the scheduler will never store is replaced, event by event, by a count, so that one
 * poisoned event cannot hold back the rest.
 */

import { create } from '@bufbuild/protobuf';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { Fault } from '@sallyport/core/fault';
import type { Log } from '@sallyport/service/log';
import { Backoff } from '../reports/backoff.ts';
import type { OutputLog } from './output-log.ts';

const batchBytes = 256 * 1024;

/** Tries of a refused batch before its events go one by one, and of one event before it is given up. */
const triesBeforeSplit = 3;

/** Stores a batch durably, under the dispatch token of the moment. */
export type Append = (events: readonly UnitEvent[]) => Promise<void>;

export interface SenderOptions {
  readonly dispatch: string;
  readonly output: OutputLog;
  readonly append: Append;
  readonly log: Log;
}

export class OutputSender {
  readonly #options: SenderOptions;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;
  #offset = 0;
  #wake = Promise.withResolvers<void>();
  #drained: PromiseWithResolvers<void>[] = [];
  #running: Promise<void> | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#unsubscribe = options.output.onWritten(() => this.#wake.resolve());
  }

  /** Begins to hand on; until then events only gather. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves once everything taken so far is durable at the scheduler, or the sender has been stopped. */
  async drained(): Promise<void> {
    if (this.#stop.signal.aborted || this.#offset >= this.#options.output.size) return;
    const waiting = Promise.withResolvers<void>();
    this.#drained.push(waiting);
    await waiting.promise;
  }

  /** Ends it; what was not handed on stays in the file. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    this.#wake.resolve();
    await this.#running;
    this.#tellDrained();
  }

  async #run(): Promise<void> {
    const { output } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const batch = output.read(this.#offset, batchBytes);
      if (batch.events.length > 0) await this.#send(batch.events);
      if (this.#stop.signal.aborted) break;
      // A file that cannot be read on would be asked for ever.
      const isStuck = batch.end === this.#offset && this.#offset < output.size;
      if (isStuck)
        this.#options.log.error({ dispatch: this.#options.dispatch }, 'the rest of an output cannot be read');
      this.#offset = isStuck ? output.size : batch.end;
      if (this.#offset < output.size) continue;
      this.#tellDrained();
      await this.#wake.promise;
    }
  }

  async #send(events: readonly UnitEvent[]): Promise<void> {
    const backoff = new Backoff({ firstMs: 50, maxMs: 2_000 });
    for (let refusals = 0; !this.#stop.signal.aborted; ) {
      try {
        return await this.#options.append(events);
      } catch (thrown) {
        const fault = Fault.from(thrown);
        if (fault.code === 'permission_denied' || fault.code === 'unauthenticated') return this.#giveUp(fault);
        if (!fault.retryable) refusals += 1;
        if (refusals >= triesBeforeSplit) return await this.#sendSingly(events, fault);
        await backoff.wait(this.#stop.signal);
      }
    }
  }

  async #sendSingly(events: readonly UnitEvent[], fault: Fault): Promise<void> {
    const [only, ...others] = events;
    if (only === undefined) return;
    if (others.length > 0) {
      for (const event of events) await this.#send([event]);
      return;
    }
    if (only.body.case === 'outputDropped') return;
    const { id, org, run, dispatch, seq, at } = only;
    this.#options.log.warn({ dispatch, seq: String(seq), reason: fault.reason }, 'an event cannot be stored');
    const body = { case: 'outputDropped', value: { bytes: 1n } } as const;
    await this.#send([create(UnitEventSchema, { id, org, run, dispatch, seq, ...(at && { at }), body })]);
  }

  /** The token no longer opens the door: the run was revoked or has ended, and nothing of it is stored any more. */
  #giveUp(fault: Fault): void {
    this.#options.log.warn({ dispatch: this.#options.dispatch, reason: fault.reason }, 'output is no longer accepted');
    this.#unsubscribe();
    this.#stop.abort();
    this.#tellDrained();
  }

  #tellDrained(): void {
    for (const waiting of this.#drained.splice(0)) waiting.resolve();
  }
}
