/**
 * Bounds requests that show no key, before anything is read or asked for them: by the address they come from, and all together.
 *
 * What all share is paid by requests that turn out not to be signed well; a good signature gives its room back. Part of that room is kept
 * for addresses that lately signed well, so others cannot crowd them out.
 *
 * Behind a proxy every sender has the proxy's address; forwarded addresses are not believed, since anybody can write them.
 */

import { Budget, type Rate } from '@sallyport/core/budget';
import type { Clock } from '@sallyport/core/clock';

/** When an address counts as proven. */
interface Standing {
  from: number;
  until: number;
}

const each: Rate = { burst: 100, perSecond: 20 };
const all: Rate = { burst: 1_000, perSecond: 200 };
/** Room of `all` that only proven addresses take. */
const reserve = 500;
/** How long a good signature speaks for its address, and how long none does after a request that was not signed well. */
const provenMs = 24 * 60 * 60 * 1000;
const doubtedMs = 60 * 1000;
const maxAddresses = 10_000;

export class SenderLimit {
  readonly #clock: Clock;
  readonly #total: Budget;
  /** In order of use. */
  readonly #budgets = new Map<string, Budget>();
  /** Of addresses that signed well, in order of their last good signature. Apart, so that no crowd of strangers pushes one out. */
  readonly #standings = new Map<string, Standing>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#total = new Budget(all, clock);
  }

  /** Whether one more request of this address is looked at. What one address is refused costs the others nothing. */
  admit(address: string): boolean {
    const key = networkOf(address);
    const budget = this.#budgets.get(key) ?? new Budget(each, this.#clock);
    putLast(this.#budgets, key, budget);
    return takeOne(budget, 0) && takeOne(this.#total, this.#isProven(key) ? 0 : reserve);
  }

  /** A request of this address was signed well: what it took of the room of all comes back. */
  verified(address: string): void {
    this.#total.give(1);
    const key = networkOf(address);
    const now = this.#clock.monotonic();
    putLast(this.#standings, key, { from: this.#standings.get(key)?.from ?? now, until: now + provenMs });
  }

  /** A request of this address was not. Good ones beside it do not cover for it: they would buy a stream of bad ones. */
  unverified(address: string): void {
    const standing = this.#standings.get(networkOf(address));
    if (standing === undefined) return;
    standing.from = this.#clock.monotonic() + doubtedMs;
    standing.until = 0;
  }

  #isProven(key: string): boolean {
    const { from, until } = this.#standings.get(key) ?? { from: 0, until: 0 };
    const now = this.#clock.monotonic();
    return from <= now && now < until;
  }
}

/** Takes one, unless less than what is kept would be left. */
function takeOne(budget: Budget, keep: number): boolean {
  if (budget.room < keep + 1) return false;
  budget.take(1);
  return true;
}

/** Puts an entry behind all others; beyond the number that is kept, the first one goes. */
function putLast<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > maxAddresses && oldest.done === false) map.delete(oldest.value);
}

/** An IPv4 address, or the first half of an IPv6 one: whoever has one has all of those below it. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::', 2);
  const groups = head.split(':').filter((group) => group !== '');
  const behind = tail.split(':').filter((group) => group !== '');
  const zeros = address.includes('::') ? Array.from({ length: 8 - groups.length - behind.length }, () => '0') : [];
  return [...groups, ...zeros, ...behind].slice(0, 4).join(':');
}
