/** API keys: form, hash, rows and wire form. The key itself exists here for the length of one call. */

import { createHash, randomBytes } from 'node:crypto';
import { type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ApiKeySchema } from '@sallyport/contracts/identity/v1/identity';

export interface ApiKey {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly principal: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly prefix: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

export const apiKeyColumns =
  'id, org, environment, principal, name, scopes, prefix, created_at, expires_at, revoked_at';

/** Characters shown of a key: enough to recognise it among others. */
const shown = 'sally_'.length + 6;

/** A new key: `sally_` and 256 random bits in base64url. */
export const newSecret = (): string => `sally_${randomBytes(32).toString('base64url')}`;

export const secretPrefix = (secret: string): string => secret.slice(0, shown);

/** What is stored of a key and looked up by. Looking up a hash leaks nothing about keys by its timing. */
export const secretHash = (secret: string): Buffer => createHash('sha256').update(secret).digest();

export const apiKeyToWire = (key: ApiKey): MessageInitShape<typeof ApiKeySchema> => ({
  id: key.id,
  org: key.org,
  environment: key.environment,
  principal: key.principal,
  name: key.name,
  scopes: [...key.scopes],
  prefix: key.prefix,
  createdAt: timestampFromDate(key.created_at),
  ...(key.expires_at === null ? {} : { expiresAt: timestampFromDate(key.expires_at) }),
  revoked: key.revoked_at !== null,
});
