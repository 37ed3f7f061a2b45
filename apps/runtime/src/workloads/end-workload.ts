/**
 * Brings a workload down: the wish at once, then a word to the supervisor, SIGTERM, grace, SIGKILL until nothing is left.
 *
 * The end itself is not declared here: the substrate says it, and settling follows.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import type { Backend, Handle } from '../backends/backend.ts';
import { BACKEND, GRACE_MS } from '../parts.ts';
import { Backoff } from '../reports/backoff.ts';
import { Courier } from '../reports/courier.ts';
import type { LiveWorkload } from './live-workload.ts';
import { Transitions } from './transitions.ts';
import { type Ending, isLive } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

export interface EndInit extends Ending {
  /** Whether the supervisor gets its grace. */
  readonly grace: boolean;
}

@Injectable()
export class EndWorkload {
  constructor(
    private readonly book: WorkloadBook,
    private readonly transitions: Transitions,
    private readonly log: Log,
    courier: Courier,
    @Inject(BACKEND) private readonly backend: Backend,
    @Inject(GRACE_MS) private readonly graceMs: number,
  ) {
    courier.onStale(({ id }) => void this.execute(id, leaseLost));
  }

  /**
   * Asks a workload to end; resolves once the wish is recorded. Asked again it changes nothing, except that a wish without
   * grace cuts a grace short. Ending what is not live does nothing.
   */
  async execute(id: string, init: EndInit): Promise<void> {
    const live = this.book.live(id);
    if (live === undefined || !isLive(live.record.state)) return;
    const { record } = live;
    if (!init.grace) live.killing.abort();
    if (record.state === 'stopping') {
      // A right that is gone stays gone, whoever asked first.
      if (!init.capture && record.ending?.capture === true) record.ending = { ...record.ending, capture: false };
      return;
    }
    record.ending = { reason: init.reason, why: init.why, capture: init.capture };
    const moved = this.transitions.move(record, 'stop', { why: init.why });
    live.ending.abort();
    this.bringDown(live);
    await moved;
  }

  /** Ends the sandbox of a workload that is already stopping. */
  bringDown(live: LiveWorkload): void {
    live.down = this.#bringDown(live).catch((error: unknown) => {
      this.log.error({ workload: live.record.id, error }, 'a workload could not be brought down');
    });
  }

  async #bringDown(live: LiveWorkload): Promise<void> {
    const { handle } = live.record;
    // A sandbox whose start is under way is killed by its launch, which sees the wish.
    if (handle === undefined) return;
    if (!live.killing.signal.aborted) {
      await this.backend
        .terminate(handle)
        .catch((error: unknown) => this.log.warn({ workload: handle.id, error }, 'SIGTERM could not be sent'));
      const either = AbortSignal.any([live.killing.signal, live.gone.signal]);
      if (!either.aborted) await sleep(this.graceMs, undefined, { signal: either }).catch(() => undefined);
    }
    await this.#killUntilGone(live, handle);
  }

  async #killUntilGone(live: LiveWorkload, handle: Handle): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 2_000 });
    while (!live.gone.signal.aborted) {
      try {
        return await this.backend.kill(handle);
      } catch (error) {
        this.log.error({ workload: handle.id, error }, 'a sandbox survived SIGKILL; trying again');
        await backoff.wait(live.gone.signal);
      }
    }
  }
}

/** The scheduler gave the work to a later attempt. */
export const leaseLost: EndInit = {
  reason: 'stopped',
  why: 'lease_lost: the scheduler no longer counts on this attempt',
  capture: false,
  grace: false,
};

/** The tokens of the run were revoked. */
export const revoked: EndInit = {
  reason: 'stopped',
  why: 'revoked: the tokens of the run were revoked',
  capture: false,
  grace: false,
};
