/** RFC 7638 thumbprint of a public P-256 key, by the letter of the RFC. */

import { createHash } from 'node:crypto';

export function calculateThumbprint(jwk: string): string {
  const { crv, kty, x, y } = JSON.parse(jwk) as Readonly<Record<string, string>>;
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}
