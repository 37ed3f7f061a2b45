/** Announces this edge to the scheduler, renews its leases, and ends what it no longer holds. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { profiles } from '../profiles/profiles.ts';
import { Backoff } from '../reports/backoff.ts';
import { Runners } from '../runners/runners.ts';
import { EndWorkload, leaseLost } from '../workloads/end-workload.ts';
import { WorkloadBook } from '../workloads/workload-book.ts';
import { EdgeName } from './edge-name.ts';

const usualHeartbeatSeconds = 5;

/** Live workloads of an edge; a class so that it can be injected. */
export class EdgeCapacity {
  readonly workloads: number;

  constructor(workloads: number) {
    this.workloads = workloads;
  }
}

@Injectable()
export class HoldLeases {
  readonly #scheduler: BusClient<typeof ScheduleService>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    bus: Bus,
    private readonly edge: EdgeName,
    private readonly capacity: EdgeCapacity,
    private readonly runners: Runners,
    private readonly book: WorkloadBook,
    private readonly end: EndWorkload,
    private readonly log: Log,
  ) {
    this.#scheduler = busClient(bus, 'scheduler', ScheduleService);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Says nothing more; the leases run out by themselves. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.race([this.#running, sleep(200, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const seconds = await this.#register();
      await this.#beat(seconds);
    }
  }

  /** Tries until the scheduler answers; answers the pace. */
  async #register(): Promise<number> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 2_000 });
    while (!this.#stop.signal.aborted) {
      try {
        const found = await this.runners.look(this.edge.name);
        const answer = await this.#scheduler.registerEdge({
          edge: this.edge.name,
          runners: found.usable,
          runnerDescriptions: found.descriptions,
          profiles: [...profiles.keys()],
          capacity: this.capacity.workloads,
        });
        this.log.info({ edge: this.edge.name, state: answer.state }, 'edge registered');
        return answer.heartbeatSeconds || usualHeartbeatSeconds;
      } catch (error) {
        this.log.debug({ error }, 'the scheduler does not register the edge yet');
        await backoff.wait(this.#stop.signal);
      }
    }
    return usualHeartbeatSeconds;
  }

  /** Beats until the scheduler no longer knows the edge, or until what it offers has changed. */
  async #beat(seconds: number): Promise<void> {
    let failing = false;
    while (!this.#stop.signal.aborted) {
      await sleep(seconds * 1000, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.heartbeat();
        failing = false;
        if (await this.runners.changed(this.edge.name)) return;
      } catch (thrown) {
        const fault = Fault.from(thrown);
        if (!failing) this.log.warn({ reason: fault.reason }, 'heartbeats are not taken');
        failing = true;
        if (fault.code === 'not_found' || fault.code === 'failed_precondition') return;
      }
    }
  }

  /** One beat: what is held goes, what is lost ends. */
  async heartbeat(): Promise<void> {
    const held = this.book.held().map(({ id, epoch }) => ({ dispatch: id, epoch: BigInt(epoch) }));
    const { lost } = await this.#scheduler.heartbeatEdge({ edge: this.edge.name, held }, { timeoutMs: 5_000 });
    for (const { dispatch, epoch } of lost) {
      if (this.book.find(dispatch)?.epoch === Number(epoch)) await this.end.execute(dispatch, leaseLost);
    }
  }
}
