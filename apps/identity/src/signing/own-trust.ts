/** Identity verifies what it is handed like every other service, with keys and epochs from its own tables. */

import type { Clock } from '@sallyport/core/clock';
import type { TrustSource } from '@sallyport/service/trust-source';
import type { Store } from '@sallyport/store/store';
import type { KeySet } from '@sallyport/trust/key-ring';
import { chainIssuer } from '@sallyport/trust/token-class';
import { epochsAfter } from '../epochs/epoch.store.ts';
import { liveSigningKeys, type SigningKey } from './signing-key.store.ts';

/** The public halves, as verifiers take them. */
export const keySetOf = (keys: readonly SigningKey[]): KeySet => ({
  issuer: chainIssuer,
  keys: keys.map((key) => ({
    kid: key.kid,
    class: key.class,
    jwk: key.public_jwk,
    retiresAt: key.retires_at?.getTime(),
  })),
});

export const ownTrust = (store: Store, clock: Clock): TrustSource => ({
  fetchKeys: async () => keySetOf(await store.system((db) => liveSigningKeys(db, clock.now()))),
  fetchEpochs: (afterVersion) => store.system((db) => epochsAfter(db, afterVersion, clock.now())),
});
