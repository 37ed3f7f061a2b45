/** Waits between tries: doubling up to a bound, with jitter, cut short by a signal. */

import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #next: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#next = options.firstMs;
  }

  /** Milliseconds until the next try; each answer is longer than the one before, within the bound. */
  nextMs(): number {
    const ms = this.#next * (0.75 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.#options.maxMs);
    return ms;
  }

  /** Waits, at most until the signal; never throws. */
  async wait(signal: AbortSignal): Promise<void> {
    await sleep(this.nextMs(), undefined, { signal }).catch(() => undefined);
  }
}
