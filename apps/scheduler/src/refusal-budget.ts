/**
 * How many refusals of a sender are put on record. Whoever sends rubbish must not fill the audit log: beyond a burst refusals are counted,
 * and the sender's next record tells how many were not made.
 */

import type { Clock } from '@sallyport/core/clock';

const burst = 50;
const perSecond = 5;
/** Senders that are told apart; those beyond share what one of them has. */
const maxSenders = 1_000;
const beyond = '';

interface Allowance {
  room: number;
  filledAt: number;
  unrecorded: number;
}

export class RefusalBudget {
  readonly #senders = new Map<string, Allowance>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** Facts for the record to make; undefined when the refusal is counted only. */
  take(sender: string): Readonly<Record<string, string>> | undefined {
    const own = this.#of(sender);
    if (own.room < 1) {
      own.unrecorded += 1;
      return undefined;
    }
    const facts = own.unrecorded === 0 ? {} : { unrecorded: String(own.unrecorded) };
    own.room -= 1;
    own.unrecorded = 0;
    return facts;
  }

  #of(sender: string): Allowance {
    if (!this.#senders.has(sender) && this.#senders.size >= maxSenders) this.#forgetQuiet();
    const name = this.#senders.has(sender) || this.#senders.size < maxSenders ? sender : beyond;
    const known = this.#senders.get(name);
    if (known !== undefined) return this.#filled(known);
    const fresh = { room: burst, filledAt: this.clock.monotonic(), unrecorded: 0 };
    this.#senders.set(name, fresh);
    return fresh;
  }

  #filled(own: Allowance): Allowance {
    const now = this.clock.monotonic();
    own.room = Math.min(burst, own.room + ((now - own.filledAt) / 1000) * perSecond);
    own.filledAt = now;
    return own;
  }

  /** A sender that has its whole room and nothing to tell is as good as a new one. */
  #forgetQuiet(): void {
    for (const [sender, own] of this.#senders)
      if (this.#filled(own).room === burst && own.unrecorded === 0) this.#senders.delete(sender);
  }
}
