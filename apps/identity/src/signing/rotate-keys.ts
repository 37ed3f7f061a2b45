/** Makes a new signing key for a class and gives the old ones an end. */

import { Injectable } from '@nestjs/common';
import { type SignedClass, signedClasses } from '@sallyport/core/access';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import type { PublishedKey } from '@sallyport/trust/key-ring';
import { generateSigningKey } from '@sallyport/trust/signer';
import { keyRefreshMs } from '@sallyport/trust/start-trust';
import { signedClassTable } from '@sallyport/trust/token-class';
import { argumentInvalid } from '../faults.ts';
import { KeyKeeper } from './key-keeper.ts';
import { insertSigningKey, lockSigningKeys, retireOthers } from './signing-key.store.ts';

/** How long a key is published before it signs: one refresh of every verifier and some. */
const leadMs = keyRefreshMs + 1_000;
const longestOverlapSeconds = 24 * 60 * 60;

@Injectable()
export class RotateKeys {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
  ) {}

  /**
   * Overlap 0 is the longest life of the class. An overlap shorter than the lead is for a key that leaked: the new one then signs
   * at once.
   */
  async execute(className: string, overlapSeconds: number): Promise<PublishedKey> {
    const tokenClass = signedClasses.find((each) => each === className);
    if (tokenClass === undefined) throw argumentInvalid('class', signedClasses.join(', '));
    if (!(overlapSeconds >= 0 && overlapSeconds <= longestOverlapSeconds)) {
      throw argumentInvalid('overlap_seconds', `between 0 and ${longestOverlapSeconds}`);
    }
    const fresh = await generateSigningKey();
    await this.store.system((db) => this.replace(db, tokenClass, fresh, overlapSeconds * 1_000));
    await this.keeper.refresh();
    return { kid: fresh.kid, class: tokenClass, jwk: fresh.publicJwk };
  }

  private async replace(
    db: Db,
    tokenClass: SignedClass,
    fresh: Awaited<ReturnType<typeof generateSigningKey>>,
    overlapMs: number,
  ): Promise<void> {
    await lockSigningKeys(db);
    const now = this.clock.now();
    const urgent = overlapMs > 0 && overlapMs < leadMs;
    const activatesAt = urgent ? now : now + leadMs;
    const retiresAt = urgent
      ? now + overlapMs
      : activatesAt + (overlapMs || signedClassTable[tokenClass].lifetimeSeconds * 1_000);
    const sealed = this.keeper.kek.seal(fresh.kid, fresh.privateJwk);
    await insertSigningKey(db, { ...fresh, class: tokenClass, sealed, createdAt: now, activatesAt });
    await retireOthers(db, tokenClass, fresh.kid, retiresAt);
    // The keys serve every org, so the change stands in every org's log.
    const orgs = await db.query<{ org: string }>('SELECT org FROM org');
    const facts = { class: tokenClass, kid: fresh.kid };
    await enqueue(
      db,
      orgs.map(({ org }) =>
        auditRow(
          { kind: 'admin.rotate', org, outcome: 'allow', resource: `signing-key/${fresh.kid}`, facts },
          this.clock,
        ),
      ),
    );
  }
}
