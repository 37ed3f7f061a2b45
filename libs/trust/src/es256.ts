/**
 * ES256 (RFC 7518 section 3.4) on node:crypto, for the paths where every call pays for it. Key handling that is not hot goes
 * through jose.
 *
 * Node takes the `r || s` form only by an options object around the key, which costs it a third of the whole check; so signatures
 * are turned into the DER form here and the key is passed bare.
 */

import { type KeyObject, sign, verify } from 'node:crypto';

/** Bytes of `r`, and of `s`. */
const half = 32;

/** DER INTEGER of an unsigned big-endian number: no leading zeros but the one that keeps it positive. */
function writeInteger(into: Buffer, at: number, number: Uint8Array): number {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const pad = (number[start] ?? 0) >= 0x80 ? 1 : 0;
  const length = number.length - start + pad;
  into[at] = 0x02;
  into[at + 1] = length;
  into[at + 2] = 0;
  into.set(number.subarray(start), at + 2 + pad);
  return at + 2 + length;
}

/** Ecdsa-Sig-Value (RFC 3279 section 2.2.3) of 64 bytes. */
function derOf(signature: Uint8Array): Buffer {
  const der = Buffer.allocUnsafe(2 + 2 * (2 + 1 + half));
  const middle = writeInteger(der, 2, signature.subarray(0, half));
  const end = writeInteger(der, middle, signature.subarray(half));
  der[0] = 0x30;
  der[1] = end - 2;
  return der.subarray(0, end);
}

/** Copies the DER INTEGER at an offset to the right end of a half; answers where the next one begins. */
function readInteger(der: Buffer, at: number, into: Buffer): number {
  const end = at + 2 + (der[at + 1] ?? 0);
  const start = Math.max(at + 2, end - half);
  der.copy(into, half - (end - start), start, end);
  return end;
}

/** Whether a signature of exactly 64 bytes fits the input under a P-256 public key. */
export const es256Verify = (input: Uint8Array, signature: Uint8Array, key: KeyObject): boolean =>
  signature.length === 2 * half && verify('sha256', input, key, derOf(signature));

/** The 64 bytes of a signature under a P-256 private key. */
export function es256Sign(input: Uint8Array, key: KeyObject): Buffer {
  const der = sign('sha256', input, key);
  const signature = Buffer.alloc(2 * half);
  const middle = readInteger(der, 2, signature.subarray(0, half));
  readInteger(der, middle, signature.subarray(half));
  return signature;
}
