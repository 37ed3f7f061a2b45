/**
 * Holds the opened signing keys and mints with them.
 *
 * A new key is published before it signs, by longer than verifiers take to refresh, so that no token is refused because its key
 * is not known yet. Replicas learn of each other's rotations within `refreshMs`.
 */

import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type SignedClass, signedClasses } from '@sallyport/core/access';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/platform';
import { Store } from '@sallyport/store/store';
import type { KeySet } from '@sallyport/trust/key-ring';
import { generateSigningKey, type MintClaims, type Minted, Signer } from '@sallyport/trust/signer';
import type { IdentityConfig } from '../config.ts';
import { signingKeyMissing, signingKeySealed } from '../faults.ts';
import { Kek } from './kek.ts';
import { keySetOf } from './own-trust.ts';
import { insertSigningKey, liveSigningKeys, lockSigningKeys, type SigningKey } from './signing-key.store.ts';

const refreshMs = 2_000;

@Injectable()
export class KeyKeeper implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly kek: Kek;
  private readonly signers = new Map<string, Signer<SignedClass>>();
  private keys: readonly SigningKey[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) config: IdentityConfig,
  ) {
    this.kek = Kek.read(config.SALLY_IDENTITY_KEK_FILE);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.ensure();
    this.timer = setInterval(() => {
      this.refresh().catch((error: unknown) => this.log.warn({ error }, 'signing keys could not be refreshed'));
    }, refreshMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Makes the first key of every class that has none, then opens what there is. */
  async ensure(): Promise<void> {
    await this.store.system(async (db) => {
      await lockSigningKeys(db);
      const now = this.clock.now();
      const live = await liveSigningKeys(db, now);
      for (const tokenClass of signedClasses) {
        if (live.some((key) => key.class === tokenClass && key.retires_at === null)) continue;
        const fresh = await generateSigningKey();
        const sealed = this.kek.seal(fresh.kid, fresh.privateJwk);
        await insertSigningKey(db, { ...fresh, class: tokenClass, sealed, createdAt: now, activatesAt: now });
      }
    });
    await this.refresh();
  }

  /** Takes over the keys as the database has them. */
  async refresh(): Promise<void> {
    const keys = await this.store.system((db) => liveSigningKeys(db, this.clock.now()));
    for (const key of keys) {
      if (!this.signers.has(key.kid)) this.signers.set(key.kid, await this.open(key));
    }
    const live = new Set(keys.map((key) => key.kid));
    for (const kid of this.signers.keys()) if (!live.has(kid)) this.signers.delete(kid);
    this.keys = keys;
  }

  /** What verifiers are told. */
  keySet(): KeySet {
    const now = this.clock.now();
    return keySetOf(this.keys.filter((key) => key.retires_at === null || key.retires_at.getTime() > now));
  }

  /** Signs with the newest active key of the class. */
  mint<C extends SignedClass>(tokenClass: C, claims: MintClaims<C>, lifetimeSeconds?: number): Promise<Minted> {
    const now = this.clock.now();
    const key = this.keys.findLast((each) => each.class === tokenClass && each.activates_at.getTime() <= now);
    const signer = key === undefined ? undefined : this.signers.get(key.kid);
    if (signer === undefined || key?.class !== tokenClass) throw signingKeyMissing(tokenClass);
    return (signer as unknown as Signer<C>).mint(claims, now, lifetimeSeconds);
  }

  private open(key: SigningKey): Promise<Signer<SignedClass>> {
    let privateJwk: string;
    try {
      privateJwk = this.kek.open(key.kid, key.sealed);
    } catch {
      throw signingKeySealed(key.kid);
    }
    return Signer.open<SignedClass>(key.class, key.kid, privateJwk);
  }
}
