/** Compact JWS taken apart exactly (V0 steps 1 and 2): one byte string has one reading, and one reading one byte string. */

import { parseStrictJson } from './strict-json.ts';

export const maxTokenBytes = 8 * 1024;

/** Characters; a proof's header with its key has about 260. */
const longestKeptHeader = 512;

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Decoded {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** The bytes the signature covers. */
  readonly input: Buffer;
  readonly signature: Buffer;
}

/** The bytes of a part whose one encoding it is; undefined for padding, foreign letters and loose trailing bits. */
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

/** Headers by their encoded text: a signing key or a workload sends the same one every time. Emptied when full. */
const headers = new Map<string, JsonObject>();
const keptHeaders = 512;

function headerOf(part: string): JsonObject | 'encoding' | 'json' {
  const known = headers.get(part);
  if (known !== undefined) return known;
  const bytes = canonicalBytes(part);
  if (bytes === undefined) return 'encoding';
  const header = objectOf(bytes);
  if (header === undefined) return 'json';
  if (part.length > longestKeptHeader) return header;
  if (headers.size >= keptHeaders) headers.clear();
  headers.set(part, Object.freeze(header));
  return header;
}

/** The parts of a compact token, or the name of what is wrong with its form. */
export function decodeCompact(raw: string): Decoded | 'encoding' | 'json' {
  if (raw.length > maxTokenBytes) return 'encoding';
  const first = raw.indexOf('.');
  const last = raw.lastIndexOf('.');
  // A second dot between the two is no letter of the alphabet, so that a fourth part does not decode.
  if (first < 1 || last <= first + 1) return 'encoding';
  const header = headerOf(raw.slice(0, first));
  const body = canonicalBytes(raw.slice(first + 1, last));
  // The signature may be empty: an unsigned token is refused for its algorithm, which is what is wrong with it.
  const signature = canonicalBytes(raw.slice(last + 1));
  if (header === 'encoding' || body === undefined || signature === undefined) return 'encoding';
  if (header === 'json') return 'json';
  const payload = objectOf(body);
  if (payload === undefined) return 'json';
  return { header, payload, input: Buffer.from(raw.slice(0, last), 'latin1'), signature };
}

/** Whether an object has exactly these members. */
export function hasExactly(object: JsonObject, names: readonly string[]): boolean {
  const keys = Object.keys(object);
  return keys.length === names.length && names.every((name) => Object.hasOwn(object, name));
}
