/** A clock that moves only when told. */

import { Clock } from '@sallyport/core/clock';

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
