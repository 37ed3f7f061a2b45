/**
 * Bounds requests that show no key, before anything is read or asked for them: by the address they come from, and all together.
 *
 * Behind a proxy every sender has the proxy's address; forwarded addresses are not believed, since anybody can write them.
 */

import type { Clock } from '@sallyport/core/clock';

interface Bucket {
  room: number;
  filledAt: number;
}

interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

const each: Rate = { burst: 100, perSecond: 20 };
const all: Rate = { burst: 1_000, perSecond: 200 };
const maxAddresses = 10_000;

export class SenderLimit {
  readonly #clock: Clock;
  readonly #total: Bucket;
  /** In order of use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#total = { room: all.burst, filledAt: clock.monotonic() };
  }

  /** Whether one more request of this address is looked at. What one address is refused costs the others nothing. */
  admit(address: string): boolean {
    const key = networkOf(address);
    const bucket = this.#buckets.get(key) ?? { room: each.burst, filledAt: this.#clock.monotonic() };
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > maxAddresses && oldest.done === false) this.#buckets.delete(oldest.value);
    return this.#take(bucket, each) && this.#take(this.#total, all);
  }

  #take(bucket: Bucket, { burst, perSecond }: Rate): boolean {
    const now = this.#clock.monotonic();
    bucket.room = Math.min(burst, bucket.room + ((now - bucket.filledAt) / 1000) * perSecond);
    bucket.filledAt = now;
    if (bucket.room < 1) return false;
    bucket.room -= 1;
    return true;
  }
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
