/** Versions as entity tags (RFC 9110 section 8.8.3). */

import { InvalidRequest } from '../faults.ts';

export const etagOf = (version: bigint): string => `"${version}"`;

/** Whether an `If-None-Match` header wants nothing to be there yet; `*` is all it may say. */
export function mustBeAbsent(ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  throw new InvalidRequest([{ pointer: '/header/if-none-match', detail: 'must be *' }]);
}

/** The version an `If-Match` header demands; 0 when any will do. */
export function versionOf(ifMatch: string | undefined): bigint {
  if (ifMatch === undefined || ifMatch.trim() === '*') return 0n;
  const found = /^"(\d{1,18})"$/.exec(ifMatch.trim())?.[1];
  if (found === undefined)
    throw new InvalidRequest([{ pointer: '/header/if-match', detail: 'must be the ETag of the thing, such as "3"' }]);
  return BigInt(found);
}
