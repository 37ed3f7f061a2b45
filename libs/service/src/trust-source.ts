/** Where a verifier's keys and epochs come from: identity, over the bus. */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { busClient } from '@sallyport/bus/client';
import type { Bus } from '@sallyport/bus/connection';
import { subscribe } from '@sallyport/bus/events';
import { epochChanged } from '@sallyport/bus/subject';
import { type Epoch, EpochKind, EpochSchema, IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { signedClasses } from '@sallyport/core/access';
import type { EpochPage, EpochRecord, EpochKind as EpochWord } from '@sallyport/trust/epoch-ring';
import type { KeySet } from '@sallyport/trust/key-ring';

/** Answers what a verifier asks for. Identity itself answers from its own tables. */
export interface TrustSource {
  fetchKeys(): Promise<KeySet>;
  fetchEpochs(afterVersion: bigint): Promise<EpochPage>;
}

const words: Readonly<Record<EpochKind, EpochWord | undefined>> = {
  [EpochKind.UNSPECIFIED]: undefined,
  [EpochKind.RUN]: 'run',
  [EpochKind.SUBJECT]: 'subject',
  [EpochKind.ORG]: 'org',
  [EpochKind.KEY]: 'key',
  [EpochKind.KID]: 'kid',
  [EpochKind.GRANT]: 'grant',
};

function epochRecord(epoch: Epoch): EpochRecord | undefined {
  const kind = words[epoch.kind];
  if (kind === undefined || epoch.issuedBefore === undefined) return undefined;
  return { kind, id: epoch.id, version: epoch.version, issuedBefore: timestampMs(epoch.issuedBefore) };
}

const known = <T>(value: T | undefined): value is T => value !== undefined;

/** The source every service but identity uses. */
export function busTrustSource(bus: Bus): TrustSource {
  const identity = busClient(bus, 'identity', IdentityService);
  return {
    fetchKeys: async () => {
      const { issuer, keys } = await identity.listPublicKeys({}, { timeoutMs: 2_000 });
      return {
        issuer,
        keys: keys.flatMap((key) => {
          const tokenClass = signedClasses.find((each) => each === key.class);
          const retiresAt = key.retiresAt === undefined ? undefined : timestampMs(key.retiresAt);
          return tokenClass === undefined ? [] : [{ kid: key.kid, class: tokenClass, jwk: key.jwk, retiresAt }];
        }),
      };
    },
    fetchEpochs: async (afterVersion) => {
      const { epochs, version } = await identity.listEpochs({ afterVersion }, { timeoutMs: 2_000 });
      return { epochs: epochs.map(epochRecord).filter(known), version };
    },
  };
}

/** Listens for raised epochs; answers how to stop. */
export function onEpochPush(bus: Bus, listener: (epoch: EpochRecord) => void): () => void {
  const heard = subscribe(bus, epochChanged, EpochSchema, ({ message }) => {
    const record = epochRecord(message);
    if (record !== undefined) listener(record);
  });
  return () => heard.stop();
}
