/**
 * How often one dispatch is answered: every answer is an audit event that is never deleted, so who asks fastest must not decide how the
 * log grows or how long others wait for it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';

/** Asks that wait for nothing, and how many a second come back after that. A model is asked far less often. */
export const burst = 200;
export const perSecond = 20;

interface Budget {
  left: number;
  at: number;
}

@Injectable()
export class Pace {
  private readonly budgets = new Map<string, Budget>();

  constructor(private readonly clock: Clock) {}

  /** Takes one ask of a dispatch and answers how many milliseconds it has to wait. */
  take(dispatch: string): number {
    const now = this.clock.monotonic();
    const known = this.budgets.get(dispatch) ?? { left: burst, at: now };
    const left = Math.min(burst, known.left + ((now - known.at) / 1_000) * perSecond) - 1;
    if (!this.budgets.has(dispatch)) this.forgetIdle(now);
    this.budgets.set(dispatch, { left, at: now });
    return left >= 0 ? 0 : (-left / perSecond) * 1_000;
  }

  /** Resolves when an ask of a dispatch may be answered. */
  async wait(dispatch: string): Promise<void> {
    const millis = this.take(dispatch);
    if (millis > 0) await sleep(millis, undefined, { ref: false });
  }

  /** A budget that is whole again says what no budget says. */
  private forgetIdle(now: number): void {
    for (const [dispatch, { left, at }] of this.budgets) {
      if (left + ((now - at) / 1_000) * perSecond >= burst) this.budgets.delete(dispatch);
    }
  }
}
