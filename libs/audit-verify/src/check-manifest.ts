/** Step one of verification: the bundle holds exactly the files that the log's key signed for. */

import type { BundleSource } from './bundle-source.ts';
import { Broken, tamper } from './finding.ts';
import { fixed, listedPaths, policyText } from './layout.ts';
import { fileHash, type Manifest, manifestTitle, parseManifest } from './manifest.ts';
import { leafHash } from './merkle.ts';
import { judgeNote, type NoteVerifier, parseNote, parseVkey } from './note.ts';
import { decodeBundle } from './tile.ts';

/** A manifest whose every file was found unchanged, and the key that answers for it. */
export interface Checked {
  readonly manifest: Manifest;
  readonly key: NoteVerifier;
}

/** A file that has to be there. */
export function need(source: BundleSource, path: string): Buffer {
  const bytes = source.read(path);
  if (bytes === undefined) throw new Broken({ verdict: 'incomplete', what: 'missing_file', file: path });
  return bytes;
}

/**
 * Checks signature, hashes and the set of files.
 *
 * @param trusted - key the reader already has; absent means the bundle's own, which proves integrity but not origin.
 * @throws Broken naming the first file that is not as signed.
 */
export function checkManifest(source: BundleSource, trusted: NoteVerifier | undefined): Checked {
  const { manifest, key, title } = signedManifest(source);
  if (title !== manifestTitle(key.name) || manifest.origin !== key.name) throw tamper('other_origin', fixed.manifest);
  checkFiles(source, manifest);
  if (need(source, fixed.policy).toString('utf8') !== policyText(key.name)) {
    throw tamper('unknown_policy', fixed.policy);
  }
  if (trusted !== undefined && trusted.vkey !== key.vkey) {
    throw new Broken({ verdict: 'untrusted_key', what: 'other_key', file: fixed.key, detail: key.vkey });
  }
  return { manifest, key };
}

/** The manifest under a good signature; of three files that vouch for each other, the one that is off is named. */
function signedManifest(source: BundleSource): Checked & { readonly title: string | undefined } {
  const bytes = need(source, fixed.manifest);
  const note = parseNote(need(source, fixed.manifestNote));
  const keyBytes = need(source, fixed.key);
  const manifest = parseManifest(bytes);
  const [title, signedHash, ...extra] = note?.text.slice(0, -1).split('\n') ?? [];
  if (note === undefined || note.signatures.length !== 1 || signedHash === undefined || extra.length > 0) {
    throw tamper('malformed_note', fixed.manifestNote);
  }
  const isSigned = signedHash === fileHash(bytes);
  const key = parseVkey(keyBytes.toString('utf8').replace(/\n$/u, ''));
  if (key === undefined) throw tamper('malformed_key', fixed.key);
  if (judgeNote(note, key) !== 'good') {
    const keyHash = fileHash(keyBytes);
    const keyIsListed = manifest?.files.some((file) => file.path === fixed.key && file.sha256 === keyHash);
    throw tamper('bad_signature', keyIsListed || !isSigned ? fixed.manifestNote : fixed.key);
  }
  if (!isSigned || manifest === undefined) throw tamper('hash_mismatch', fixed.manifest);
  return { manifest, key, title };
}

function checkFiles(source: BundleSource, manifest: Manifest): void {
  const wanted = [...listedPaths(manifest.size, manifest.checkpoints)];
  const listed = manifest.files.map((file) => file.path);
  const odd = listed.length === wanted.length ? wanted.findIndex((path, at) => path !== listed[at]) : 0;
  if (wanted.length > 0 && odd >= 0) throw tamper('wrong_file_list', fixed.manifest);
  for (const file of manifest.files) {
    const bytes = need(source, file.path);
    if (bytes.length !== file.bytes || fileHash(bytes) !== file.sha256) {
      throw tamper('hash_mismatch', file.path, firstBadEntry(source, file.path, bytes));
    }
  }
  const all = [...listed, fixed.manifest, fixed.manifestNote];
  const known = new Set(all);
  const stray = source.paths.find((path) => !known.has(path));
  if (stray !== undefined) throw tamper('unlisted_file', stray);
  const moved = source.ordered ? all.find((path, at) => path !== source.paths[at]) : undefined;
  if (moved !== undefined) throw tamper('out_of_order', moved);
}

/** For a changed bundle of entries, the index of the first entry that its hash tile does not know. */
function firstBadEntry(source: BundleSource, path: string, bytes: Buffer): { index?: number } {
  const [, number] = /^tile\/entries\/(.+)$/u.exec(path) ?? [];
  const tile = number === undefined ? undefined : source.read(`tile/0/${number}`);
  if (number === undefined || tile === undefined) return {};
  const first = Number(number.replace(/\.p\/.*$/u, '').replace(/[x/]/gu, '')) * 256;
  for (let at = 0; at * 32 < tile.length; at += 1) {
    const entry = decodePrefix(bytes, at);
    if (entry === undefined || Buffer.compare(leafHash(entry), tile.subarray(at * 32, at * 32 + 32)) !== 0) {
      return { index: first + at };
    }
  }
  return {};
}

/** Entry number `at` of a bundle that may be broken further on. */
function decodePrefix(bytes: Buffer, at: number): Buffer | undefined {
  let start = 0;
  for (let skip = 0; skip < at && start + 2 <= bytes.length; skip += 1) start += 2 + bytes.readUInt16BE(start);
  if (start + 2 > bytes.length) return undefined;
  const end = start + 2 + bytes.readUInt16BE(start);
  return end > bytes.length ? undefined : decodeBundle(bytes.subarray(start, end), 1)?.[0];
}
