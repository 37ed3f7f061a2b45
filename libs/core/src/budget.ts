/** A token-bucket budget: room that is taken, and that comes back with time up to a burst. */

import type { Clock } from './clock.ts';

export interface Rate {
  /** Room at most, and at first. */
  readonly burst: number;
  readonly perSecond: number;
}

export class Budget {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #room: number;
  #filledAt: number;

  constructor(rate: Rate, clock: Pick<Clock, 'monotonic'>) {
    this.#rate = rate;
    this.#clock = clock;
    this.#room = rate.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Room at this moment; below zero when more was taken than there was. */
  get room(): number {
    const { burst, perSecond } = this.#rate;
    const now = this.#clock.monotonic();
    this.#room = Math.min(burst, this.#room + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    return this.#room;
  }

  /** Takes room, whether or not it is there, and answers what is left. */
  take(amount: number): number {
    this.#room = this.room - amount;
    return this.#room;
  }

  /** Gives room back, up to the burst. */
  give(amount: number): void {
    this.#room = Math.min(this.#rate.burst, this.room + amount);
  }
}
