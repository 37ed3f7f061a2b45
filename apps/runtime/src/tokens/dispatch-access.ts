/** The dispatch token and proof key of one workload: kept on this side of the tether, added to what leaves. */

import type { Clock } from '@sallyport/core/clock';
import type { ProofTarget } from '@sallyport/core/gate';
import type { ProofKey } from '@sallyport/trust/proof';
import { notAttested } from '../faults.ts';
import type { MountAccess } from '../mounts/prepared-mount.ts';
import type { HeldToken } from '../workloads/workload.ts';

export class DispatchAccess implements MountAccess {
  readonly key: ProofKey;
  readonly #clock: Clock;
  readonly #granted = Promise.withResolvers<void>();
  #held: HeldToken | undefined;

  constructor(key: ProofKey, clock: Clock) {
    this.key = key;
    this.#clock = clock;
  }

  /** Takes a token into use; the one before is forgotten. */
  grant(held: HeldToken): void {
    this.#held = held;
    this.#granted.resolve();
  }

  get held(): HeldToken | undefined {
    return this.#held;
  }

  /** Resolves once the first token was granted. */
  get granted(): Promise<void> {
    return this.#granted.promise;
  }

  /** @throws Fault `runtime.not_attested` before the first grant. */
  token(): string {
    if (this.#held === undefined) throw notAttested();
    return this.#held.raw;
  }

  prove(target: ProofTarget): Promise<string> {
    return Promise.resolve(this.key.prove(target, this.token(), this.#clock.now()));
  }

  /** Credentials of one bus call. */
  call(timeoutMs?: number): { token: string; prove: (target: ProofTarget) => Promise<string>; timeoutMs?: number } {
    const prove = (target: ProofTarget): Promise<string> => this.prove(target);
    return { token: this.token(), prove, ...(timeoutMs !== undefined && { timeoutMs }) };
  }
}
