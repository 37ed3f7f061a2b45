/**
 * How many refusals of a sender are put on record. Whoever sends rubbish must not fill the audit log: beyond a burst refusals are counted,
 * and the sender's next record tells how many were not made.
 */

import { Budget } from '@sallyport/core/budget';
import type { Clock } from '@sallyport/core/clock';

const rate = { burst: 50, perSecond: 5 };
/** Senders that are told apart; those beyond share what one of them has. */
const maxSenders = 1_000;
const beyond = '';

interface Allowance {
  readonly budget: Budget;
  unrecorded: number;
}

export class RefusalBudget {
  readonly #senders = new Map<string, Allowance>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** Facts for the record to make; undefined when the refusal is counted only. */
  take(sender: string): Readonly<Record<string, string>> | undefined {
    const own = this.#of(sender);
    if (own.budget.room < 1) {
      own.unrecorded += 1;
      return undefined;
    }
    const facts = own.unrecorded === 0 ? {} : { unrecorded: String(own.unrecorded) };
    own.budget.take(1);
    own.unrecorded = 0;
    return facts;
  }

  #of(sender: string): Allowance {
    if (!this.#senders.has(sender) && this.#senders.size >= maxSenders) this.#forgetQuiet();
    const name = this.#senders.has(sender) || this.#senders.size < maxSenders ? sender : beyond;
    const known = this.#senders.get(name);
    if (known !== undefined) return known;
    const fresh = { budget: new Budget(rate, this.clock), unrecorded: 0 };
    this.#senders.set(name, fresh);
    return fresh;
  }

  /** A sender that has its whole room and nothing to tell is as good as a new one. */
  #forgetQuiet(): void {
    for (const [sender, { budget, unrecorded }] of this.#senders)
      if (budget.room === rate.burst && unrecorded === 0) this.#senders.delete(sender);
  }
}
