/** Bounds what is taken in from the bus at once: in all, and of each sender, so that one who floods leaves room for the others. */

import { intakeBusy } from './faults.ts';

const inAll = 64;
const ofEach = 32;

export class FairShare {
  readonly #running = new Map<string, number>();
  #all = 0;

  /** @throws Fault `scheduler.intake_busy`, without having begun. */
  async run<T>(sender: string, work: () => Promise<T>): Promise<T> {
    const own = this.#running.get(sender) ?? 0;
    if (own >= ofEach || this.#all >= inAll) throw intakeBusy();
    this.#running.set(sender, own + 1);
    this.#all += 1;
    try {
      return await work();
    } finally {
      const left = (this.#running.get(sender) ?? 1) - 1;
      if (left === 0) this.#running.delete(sender);
      else this.#running.set(sender, left);
      this.#all -= 1;
    }
  }
}
