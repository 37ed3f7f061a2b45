/** Signing keys as rows. They belong to the installation, not to an org. */

import type { SignedClass } from '@sallyport/core/access';
import type { Db } from '@sallyport/store/store';
import type { GeneratedKey } from '@sallyport/trust/signer';

export interface SigningKey {
  readonly kid: string;
  readonly class: SignedClass;
  readonly public_jwk: string;
  readonly sealed: Buffer;
  readonly activates_at: Date;
  readonly retires_at: Date | null;
}

/** Serialises changes of the key set between replicas; held until the transaction ends. */
export const lockSigningKeys = (db: Db): Promise<unknown> =>
  db.query("SELECT pg_advisory_xact_lock(hashtext('identity.signing_key'))");

/** Every key that may still verify something, oldest first. */
export const liveSigningKeys = (db: Db, nowMs: number): Promise<SigningKey[]> =>
  db.query<SigningKey>(
    `SELECT kid, class, public_jwk, sealed, activates_at, retires_at FROM signing_key
     WHERE retires_at IS NULL OR retires_at > $1 ORDER BY activates_at, created_at, kid`,
    [new Date(nowMs)],
  );

export interface NewSigningKey extends GeneratedKey {
  readonly class: SignedClass;
  readonly sealed: Buffer;
  readonly createdAt: number;
  readonly activatesAt: number;
}

export const insertSigningKey = (db: Db, key: NewSigningKey): Promise<unknown> =>
  db.query(
    'INSERT INTO signing_key (kid, class, public_jwk, sealed, created_at, activates_at) VALUES ($1, $2, $3, $4, $5, $6)',
    [key.kid, key.class, key.publicJwk, key.sealed, new Date(key.createdAt), new Date(key.activatesAt)],
  );

/** Gives every key of a class but the named one an end, unless it has an earlier one. */
export const retireOthers = (db: Db, tokenClass: SignedClass, kid: string, atMs: number): Promise<unknown> =>
  db.query('UPDATE signing_key SET retires_at = LEAST(retires_at, $3) WHERE class = $1 AND kid <> $2', [
    tokenClass,
    kid,
    new Date(atMs),
  ]);
