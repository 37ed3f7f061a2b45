/** Clocks that a test moves. */

import { Clock, systemClock } from '@sallyport/core/clock';

/** Moves only when told. */
export class FakeClock extends Clock {
  #ms: number;

  /** Starts at a wall time in milliseconds. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    super();
    this.#ms = startMs;
  }

  override now(): number {
    return this.#ms;
  }

  override monotonic(): number {
    return this.#ms;
  }

  /** Moves both hands; negative steps the wall clock back as an operator might. */
  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** The machine's clock, ahead by what it was told: for what waits in real time, but not for minutes. */
export class AheadClock extends Clock {
  #aheadMs = 0;

  override now(): number {
    return systemClock.now() + this.#aheadMs;
  }

  override monotonic(): number {
    return systemClock.monotonic() + this.#aheadMs;
  }

  /** Moves both hands. */
  advance(ms: number): void {
    this.#aheadMs += ms;
  }
}
