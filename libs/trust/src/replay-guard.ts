/** Remembers what was seen within a window, in bounded memory; when the bound is reached it refuses rather than forgets. */

import type { Clock } from '@sallyport/core/clock';
import { proofMemoryFull } from './faults.ts';

export class ReplayGuard {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #capacity: number;
  #current = new Set<string>();
  #previous = new Set<string>();
  #turnedAt: number;

  /** Entries are kept for at least `windowMs` and at most twice that; `capacity` bounds each half. */
  constructor(options: { clock: Clock; windowMs: number; capacity?: number }) {
    this.#clock = options.clock;
    this.#windowMs = options.windowMs;
    this.#capacity = options.capacity ?? 200_000;
    this.#turnedAt = options.clock.monotonic();
  }

  /** Whether this is the first sight of the id. Throws `proof.memory_full` when it could not be remembered. */
  first(id: string): boolean {
    this.#turn();
    if (this.#current.has(id) || this.#previous.has(id)) return false;
    if (this.#current.size >= this.#capacity) throw proofMemoryFull();
    this.#current.add(id);
    return true;
  }

  #turn(): void {
    const elapsed = this.#clock.monotonic() - this.#turnedAt;
    if (elapsed < this.#windowMs) return;
    this.#previous = elapsed < 2 * this.#windowMs ? this.#current : new Set();
    this.#current = new Set();
    this.#turnedAt += Math.floor(elapsed / this.#windowMs) * this.#windowMs;
  }
}
