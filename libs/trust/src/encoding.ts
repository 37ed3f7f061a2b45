/** Compact JWS taken apart exactly (V0 steps 1 and 2): one byte string has one reading, and one reading one byte string. */

import { parseStrictJson } from './strict-json.ts';

export const maxTokenBytes = 8 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Decoded {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** The bytes the signature covers. */
  readonly input: Buffer;
  readonly signature: Buffer;
}

// The signature may be empty: an unsigned token is then refused for its algorithm, which is what is wrong with it.
const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)$/;

function canonicalBytes(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function objectOf(bytes: Buffer): JsonObject | undefined {
  try {
    const value = parseStrictJson(bytes);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The parts of a compact token, or the name of what is wrong with its form. */
export function decodeCompact(raw: string): Decoded | 'encoding' | 'json' {
  if (raw.length > maxTokenBytes) return 'encoding';
  const match = compact.exec(raw);
  if (match === null) return 'encoding';
  const head = canonicalBytes(match[1] ?? '');
  const body = canonicalBytes(match[2] ?? '');
  const signature = canonicalBytes(match[3] ?? '');
  if (head === undefined || body === undefined || signature === undefined) return 'encoding';
  const header = objectOf(head);
  const payload = objectOf(body);
  if (header === undefined || payload === undefined) return 'json';
  return { header, payload, input: Buffer.from(raw.slice(0, raw.lastIndexOf('.')), 'latin1'), signature };
}

/** Whether an object has exactly these members. */
export function hasExactly(object: JsonObject, names: readonly string[]): boolean {
  const keys = Object.keys(object);
  return keys.length === names.length && names.every((name) => Object.hasOwn(object, name));
}
