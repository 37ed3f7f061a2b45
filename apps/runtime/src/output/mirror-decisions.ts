/** Puts egress's decisions into the output of the workload they were taken for. */

import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { subscribe } from '@sallyport/bus/events';
import { egressDecision } from '@sallyport/bus/subject';
import { type Decision, DecisionSchema, DenyReason, DenyReasonSchema } from '@sallyport/contracts/egress/v1/egress';
import { orgOf } from '../workloads/workload.ts';
import { WorkloadBook } from '../workloads/workload-book.ts';

const prefix = 'DENY_REASON_';

/** The closed word of a deny reason; empty when there is none. */
function reasonWord(reason: DenyReason): string {
  if (reason === DenyReason.UNSPECIFIED) return '';
  const name = DenyReasonSchema.value[reason]?.name ?? '';
  return name.slice(prefix.length).toLowerCase();
}

/**
 * A call is known noise only of the agent that is known to make it: from any other runner the same connection is somebody's intention.
 * What stands behind `acp` may be any of them.
 */
export const noiseOf = (name: string, runner: string): string =>
  runner === 'acp' || name.startsWith(`${runner}.`) ? name : '';

@Injectable()
export class MirrorDecisions {
  #stop: () => void = () => undefined;

  constructor(
    private readonly bus: Bus,
    private readonly book: WorkloadBook,
  ) {}

  /** Hears every decision of this edge's workloads; only egress may publish them. */
  async start(): Promise<void> {
    const subscription = subscribe(this.bus, egressDecision('*', '*'), DecisionSchema, ({ message }) =>
      this.#mirror(message),
    );
    this.#stop = () => subscription.stop();
    await subscription.ready;
  }

  stop(): void {
    this.#stop();
  }

  #mirror({ id, org, dispatch, allowed, reason, target, noise: name }: Decision): void {
    const live = this.book.live(dispatch);
    if (live === undefined || orgOf(live.record) !== org || live.gone.signal.aborted) return;
    const noise = noiseOf(name, live.record.unit.runner);
    const value = { decision: id, allowed, reason: reasonWord(reason), target, noise };
    live.output.say({ case: 'egressDecided', value });
  }
}
