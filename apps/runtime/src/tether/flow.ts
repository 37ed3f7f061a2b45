/** A budget of bytes that refills with time: what is over it waits, so a flood costs its sender and not this process. */

import type { Clock } from '@sallyport/core/clock';

export interface FlowOptions {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly clock: Clock;
}

export class Flow {
  readonly #options: FlowOptions;
  #left: number;
  #at: number;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#left = options.burstBytes;
    this.#at = options.clock.monotonic();
  }

  /** Takes bytes and answers how many milliseconds their sender should wait. */
  take(bytes: number): number {
    const { bytesPerSecond, burstBytes, clock } = this.#options;
    const now = clock.monotonic();
    this.#left = Math.min(burstBytes, this.#left + ((now - this.#at) / 1000) * bytesPerSecond) - bytes;
    this.#at = now;
    return this.#left >= 0 ? 0 : (-this.#left / bytesPerSecond) * 1000;
  }
}
