/**
 * Revocations as a verifier holds them: per subject of revocation, the time before which nothing issued counts any more.
 *
 * It fails closed: when nothing was heard from identity for longer than `staleAfterMs`, no token is accepted.
 */

import type { Clock } from '@sallyport/core/clock';
import { revocationStale, tokenFault } from './faults.ts';
import { clockSkewSeconds, tokenClassTable } from './token-class.ts';

export type EpochKind = 'run' | 'subject' | 'org' | 'key' | 'kid' | 'grant';

export interface EpochRecord {
  readonly kind: EpochKind;
  readonly id: string;
  /** Order of the change over all kinds. */
  readonly version: bigint;
  /** Milliseconds since the epoch. */
  readonly issuedBefore: number;
}

export interface EpochPage {
  readonly epochs: readonly EpochRecord[];
  /** What to ask after next; lower than asked when the source lost its newest versions. */
  readonly version: bigint;
}

/** What of a token can be revoked. */
export interface Revocable {
  readonly issuedAtSeconds: number;
  readonly subjects: readonly (readonly [EpochKind, string])[];
}

export const staleAfterMs = 15_000;

/** Longest any token lives, in milliseconds: an epoch older than this covers nothing that could still be presented. */
export const epochHorizonMs =
  (Math.max(...Object.values(tokenClassTable).map((row) => row.lifetimeSeconds)) + 2 * clockSkewSeconds) * 1_000;

/** Writes between two sweeps of epochs behind the horizon. */
const sweepEvery = 256;

export class EpochRing {
  readonly #source: (afterVersion: bigint) => Promise<EpochPage>;
  readonly #clock: Clock;
  readonly #issuedBefore: Readonly<Record<EpochKind, Map<string, number>>> = {
    run: new Map(),
    subject: new Map(),
    org: new Map(),
    key: new Map(),
    kid: new Map(),
    grant: new Map(),
  };
  #version = 0n;
  #heardAt = Number.NEGATIVE_INFINITY;
  #writes = 0;

  constructor(options: { source: (afterVersion: bigint) => Promise<EpochPage>; clock: Clock }) {
    this.#source = options.source;
    this.#clock = options.clock;
  }

  /** Asks for everything after the last version seen. Throws what the source throws. */
  async refresh(): Promise<void> {
    const asked = this.#clock.monotonic();
    const page = await this.#source(this.#version);
    for (const epoch of page.epochs) this.take(epoch);
    this.#version = page.version;
    this.#heardAt = asked;
  }

  /**
   * Takes one pushed epoch. Pushes may arrive out of order and be lost, so they neither move the version nor count as
   * having heard from identity.
   */
  take(epoch: EpochRecord): void {
    const raised = this.#issuedBefore[epoch.kind];
    if (epoch.issuedBefore > (raised.get(epoch.id) ?? 0)) raised.set(epoch.id, epoch.issuedBefore);
    this.#writes += 1;
    if (this.#writes % sweepEvery === 0) this.#sweep();
  }

  /** Throws `token.revoked` or `token.revocation_stale`. */
  check(token: Revocable): void {
    if (this.#clock.monotonic() - this.#heardAt > staleAfterMs) throw revocationStale();
    const issuedAt = token.issuedAtSeconds * 1_000;
    for (const [kind, id] of token.subjects) {
      const issuedBefore = this.#issuedBefore[kind].get(id);
      if (issuedBefore !== undefined && issuedAt < issuedBefore) throw tokenFault('token.revoked');
    }
  }

  get size(): number {
    return Object.values(this.#issuedBefore).reduce((sum, raised) => sum + raised.size, 0);
  }

  #sweep(): void {
    const horizon = this.#clock.now() - epochHorizonMs;
    for (const raised of Object.values(this.#issuedBefore)) {
      for (const [id, issuedBefore] of raised) if (issuedBefore < horizon) raised.delete(id);
    }
  }
}
