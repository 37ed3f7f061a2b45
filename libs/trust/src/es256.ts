/**
 * ES256 (RFC 7518 section 3.4) on node:crypto, for the paths where every call pays for it. Key handling that is not hot goes
 * through jose.
 */

import { type KeyObject, sign, verify } from 'node:crypto';

/** Bytes of `r || s`. */
const signatureBytes = 64;

/** Whether a signature of exactly 64 bytes fits the input under a P-256 public key. */
export const es256Verify = (input: Uint8Array, signature: Uint8Array, key: KeyObject): boolean =>
  signature.length === signatureBytes && verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);

/** The 64 bytes of a signature under a P-256 private key. */
export const es256Sign = (input: Uint8Array, key: KeyObject): Buffer =>
  sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
