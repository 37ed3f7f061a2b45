/**
 * The list of a bundle's files with their hashes, and the note that signs it.
 *
 * `manifest.json` names every file but itself and `manifest.note`; `manifest.note` signs its hash with the log's key. The first
 * line of the signed text is not an origin line, so it can never pass for a checkpoint.
 */

import canonicalize from 'canonicalize';
import { sha256 } from './merkle.ts';
import { type NoteSigner, signNote } from './note.ts';

/** One file. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** What a bundle claims to hold. */
export interface Manifest {
  readonly version: 1;
  readonly org: string;
  readonly origin: string;
  /** Events in the log. */
  readonly size: number;
  /** Sizes of every checkpoint, ascending; the last is `size`. */
  readonly checkpoints: readonly number[];
  readonly files: readonly ManifestFile[];
}

/** Lower-case hex SHA-256 of a file. */
export const fileHash = (bytes: Uint8Array): string => sha256(bytes).toString('hex');

/** Canonical bytes of a manifest. */
export function encodeManifest(manifest: Manifest): Buffer {
  const text = canonicalize(manifest);
  if (text === undefined) throw new Error('a manifest always has a JSON form');
  return Buffer.from(`${text}\n`);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function isFile(value: unknown): value is ManifestFile {
  if (typeof value !== 'object' || value === null) return false;
  const file = value as Partial<Record<keyof ManifestFile, unknown>>;
  return typeof file.path === 'string' && isCount(file.bytes) && /^[0-9a-f]{64}$/u.test(String(file.sha256));
}

/** The manifest whose canonical bytes these are, or undefined. */
export function parseManifest(bytes: Uint8Array): Manifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const manifest = value as Partial<Record<keyof Manifest, unknown>>;
  const sound =
    manifest.version === 1 &&
    typeof manifest.org === 'string' &&
    typeof manifest.origin === 'string' &&
    isCount(manifest.size) &&
    Array.isArray(manifest.checkpoints) &&
    manifest.checkpoints.every(isCount) &&
    Array.isArray(manifest.files) &&
    manifest.files.every(isFile);
  if (!sound) return undefined;
  return Buffer.compare(encodeManifest(value as Manifest), bytes) === 0 ? (value as Manifest) : undefined;
}

/** First line of what `manifest.note` signs. */
export const manifestTitle = (origin: string): string => `bundle manifest of ${origin}`;

/** `manifest.note` for the bytes of a manifest. */
export const signManifest = (bytes: Uint8Array, signer: NoteSigner): string =>
  signNote(`${manifestTitle(signer.name)}\n${fileHash(bytes)}\n`, signer);
