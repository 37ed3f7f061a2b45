/** One byte form per value: RFC 8785 canonical JSON, and SHA-256 over it. */

import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** RFC 8785 text of a JSON value. Throws a plain Error on what JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('value has no JSON form');
  return text;
}

/** Lower-case hex SHA-256. */
export const sha256Hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Lower-case hex SHA-256 over the RFC 8785 form of a value. */
export const canonicalHash = (value: unknown): string => sha256Hex(canonicalJson(value));
