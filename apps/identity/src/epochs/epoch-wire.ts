/** Epochs between their stored and their wire form. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Epoch, EpochKind, EpochSchema } from '@sallyport/contracts/identity/v1/identity';
import type { EpochRecord, EpochKind as EpochWord } from '@sallyport/trust/epoch-ring';

const kinds: Readonly<Record<EpochWord, EpochKind>> = {
  run: EpochKind.RUN,
  subject: EpochKind.SUBJECT,
  org: EpochKind.ORG,
  key: EpochKind.KEY,
  kid: EpochKind.KID,
  grant: EpochKind.GRANT,
};

export const epochToWire = (epoch: EpochRecord): Epoch =>
  create(EpochSchema, {
    kind: kinds[epoch.kind],
    id: epoch.id,
    version: epoch.version,
    issuedBefore: timestampFromMs(epoch.issuedBefore),
  });

/** The stored word of a wire kind; undefined for one that is unspecified or unknown. */
export const epochWord = (kind: EpochKind): EpochWord | undefined =>
  (Object.keys(kinds) as EpochWord[]).find((word) => kinds[word] === kind);
