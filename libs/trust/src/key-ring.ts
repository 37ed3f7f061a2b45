/**
 * Public keys a verifier may use: issuer, class, key id. Filled from identity, never from anything a token says.
 *
 * A key id is bound to its first key: a set that shows another key under a known id is refused whole, because it can only mean
 * that someone between identity and this verifier is lying.
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { SignedClass, TokenClass } from '@sallyport/core/access';
import type { Clock } from '@sallyport/core/clock';

/** One key as identity publishes it. */
export interface PublishedKey {
  readonly kid: string;
  readonly class: SignedClass;
  /** RFC 7517 JWK as JSON text. */
  readonly jwk: string;
  /** Milliseconds since the epoch after which the key verifies nothing. */
  readonly retiresAt?: number | undefined;
}

export interface KeySet {
  readonly issuer: string;
  readonly keys: readonly PublishedKey[];
}

interface Held extends PublishedKey {
  readonly key: KeyObject;
}

/** Between two refreshes that unknown key ids cause, milliseconds. */
const unknownKidInterval = 1_000;

const label = (tokenClass: SignedClass, kid: string): string => `${tokenClass}/${kid}`;

function importKey(published: PublishedKey): Held {
  const key = createPublicKey({ key: JSON.parse(published.jwk), format: 'jwk' });
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`key ${published.kid} is not P-256`);
  return { ...published, key };
}

export class KeyRing {
  readonly issuer: string;
  readonly #source: () => Promise<KeySet>;
  readonly #clock: Clock;
  #held = new Map<string, Held>();
  #refreshing: Promise<void> | undefined;
  #lastUnknown = Number.NEGATIVE_INFINITY;

  constructor(options: { issuer: string; source: () => Promise<KeySet>; clock: Clock }) {
    this.issuer = options.issuer;
    this.#source = options.source;
    this.#clock = options.clock;
  }

  /** Fetches the set and takes it over whole. Concurrent callers share one fetch. Throws what the source throws. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #fetch(): Promise<void> {
    const set = await this.#source();
    if (set.issuer !== this.issuer)
      throw new Error(`keys of issuer ${set.issuer} were offered to a ring of ${this.issuer}`);
    const next = new Map<string, Held>();
    for (const published of set.keys) {
      const known = this.#held.get(label(published.class, published.kid));
      if (known !== undefined && known.jwk !== published.jwk)
        throw new Error(`key id ${published.kid} came back with another key`);
      next.set(label(published.class, published.kid), known ? { ...known, ...published } : importKey(published));
    }
    this.#held = next;
  }

  /** The live key of a class and id; undefined when there is none. */
  find(tokenClass: TokenClass, kid: string): KeyObject | undefined {
    const held = this.#held.get(label(tokenClass, kid));
    if (held === undefined) return undefined;
    return held.retiresAt !== undefined && this.#clock.now() >= held.retiresAt ? undefined : held.key;
  }

  /** As `find`, after at most one refresh a second for ids that are not known yet. */
  async findFresh(tokenClass: TokenClass, kid: string): Promise<KeyObject | undefined> {
    const found = this.find(tokenClass, kid);
    if (found !== undefined || this.#held.has(label(tokenClass, kid))) return found;
    const now = this.#clock.monotonic();
    if (this.#refreshing === undefined) {
      if (now - this.#lastUnknown < unknownKidInterval) return undefined;
      this.#lastUnknown = now;
    }
    // A failed fetch leaves the id unknown, which refuses the token; the periodic refresh reports the failure.
    await this.refresh().catch(() => undefined);
    return this.find(tokenClass, kid);
  }
}
