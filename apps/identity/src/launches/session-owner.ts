/** Who is behind a session today, locked against being turned off or losing the key until the transaction is over. */

import type { SessionClaims } from '@sallyport/core/claims';
import type { Db } from '@sallyport/store/store';
import { keyRevoked, principalDisabled, principalUnknown } from '../faults.ts';

export interface Owner {
  readonly kind: 'user' | 'service';
  readonly disabled: boolean;
  readonly key_revoked: boolean;
  readonly key_expires_at: Date | null;
}

/** Throws unless the principal is active and the key not revoked. */
export async function sessionOwner(db: Db, session: Pick<SessionClaims, 'sub' | 'key'>): Promise<Owner> {
  const [owner] = await db.query<Owner>(
    `SELECT p.kind, p.disabled, k.revoked_at IS NOT NULL AS key_revoked, k.expires_at AS key_expires_at
     FROM principal p JOIN api_key k ON k.principal = p.id WHERE p.id = $1 AND k.id = $2 FOR SHARE`,
    [session.sub, session.key],
  );
  if (owner === undefined) throw principalUnknown(session.sub);
  if (owner.disabled) throw principalDisabled(session.sub);
  if (owner.key_revoked) throw keyRevoked(session.key);
  return owner;
}
