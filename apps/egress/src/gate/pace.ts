/**
 * How often one dispatch is answered: every answer is an audit event that is never deleted, so who asks fastest must not decide how the
 * log grows or how long others wait for it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import type { Target } from '../hosts/host.ts';
import { knownNoise } from '../noise/known-noise.ts';

/** Asks that wait for nothing, and how many a second come back after that. A model is asked far less often. */
export const burst = 200;
export const perSecond = 20;

/** Whose budget an ask is taken from: what a coding agent calls by itself is counted apart, so that its model does not wait for it. */
export const laneOf = ({ tctx }: DispatchClaims, target: Target | undefined): string =>
  target !== undefined && knownNoise(target) !== '' ? `${tctx.dsp.id}/noise` : tctx.dsp.id;

interface Budget {
  left: number;
  at: number;
}

@Injectable()
export class Pace {
  private readonly budgets = new Map<string, Budget>();

  constructor(private readonly clock: Clock) {}

  /** Takes one ask of a lane and answers how many milliseconds it has to wait. */
  take(lane: string): number {
    const now = this.clock.monotonic();
    const known = this.budgets.get(lane) ?? { left: burst, at: now };
    const left = Math.min(burst, known.left + ((now - known.at) / 1_000) * perSecond) - 1;
    if (!this.budgets.has(lane)) this.forgetIdle(now);
    this.budgets.set(lane, { left, at: now });
    return left >= 0 ? 0 : (-left / perSecond) * 1_000;
  }

  /** Resolves when an ask of a lane may be answered. */
  async wait(lane: string): Promise<void> {
    const millis = this.take(lane);
    if (millis > 0) await sleep(millis, undefined, { ref: false });
  }

  /** A budget that is whole again says what no budget says. */
  private forgetIdle(now: number): void {
    for (const [lane, { left, at }] of this.budgets) {
      if (left + ((now - at) / 1_000) * perSecond >= burst) this.budgets.delete(lane);
    }
  }
}
