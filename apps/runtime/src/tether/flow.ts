/** A budget of bytes that refills with time: what is over it waits, so a flood costs its sender and not this process. */

import { Budget } from '@sallyport/core/budget';
import type { Clock } from '@sallyport/core/clock';

export interface FlowOptions {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly clock: Clock;
}

export class Flow {
  readonly #bytesPerSecond: number;
  readonly #budget: Budget;

  constructor({ bytesPerSecond, burstBytes, clock }: FlowOptions) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#budget = new Budget({ burst: burstBytes, perSecond: bytesPerSecond }, clock);
  }

  /** Takes bytes and answers how many milliseconds their sender should wait. */
  take(bytes: number): number {
    const left = this.#budget.take(bytes);
    return left >= 0 ? 0 : (-left / this.#bytesPerSecond) * 1000;
  }
}
