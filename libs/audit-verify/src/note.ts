/**
 * C2SP signed notes with Ed25519 keys (signed-note section "Signature types", type 0x01).
 *
 * Stricter than the format where the format leaves room: base64 and hex have one spelling, so that no bit of a note can change
 * without a verifier noticing.
 */

import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { sha256 } from './merkle.ts';

const algorithm = 0x01;

/** A key that can check notes. */
export interface NoteVerifier {
  readonly name: string;
  /** First four bytes of SHA-256(name, LF, 0x01, public key), lower-case hex. */
  readonly id: string;
  /** `<name>+<id>+<base64>`. */
  readonly vkey: string;
  verify(text: string, signature: Uint8Array): boolean;
}

/** A key that can also make them. */
export interface NoteSigner extends NoteVerifier {
  sign(text: string): Buffer;
}

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly signature: Buffer;
}

/** A note in its parts; nothing is verified. */
export interface Note {
  /** What is signed, with its final LF. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

function strictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

const isKeyName = (name: string): boolean => name !== '' && !/[\s+]/u.test(name);

function verifierOf(name: string, raw: Buffer): NoteVerifier {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  const typed = Buffer.concat([Buffer.of(algorithm), raw]);
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed]))
    .subarray(0, 4)
    .toString('hex');
  return {
    name,
    id,
    vkey: `${name}+${id}+${typed.toString('base64')}`,
    verify: (text, signature) => verify(null, Buffer.from(text), key, signature),
  };
}

/** The verifier of a vkey, or undefined when the text is not one of an Ed25519 key. */
export function parseVkey(vkey: string): NoteVerifier | undefined {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(vkey);
  const [, name, id, encoded] = match ?? [];
  const typed = encoded === undefined ? undefined : strictBase64(encoded);
  if (name === undefined || typed === undefined || typed.length !== 33 || typed[0] !== algorithm) return undefined;
  const verifier = verifierOf(name, typed.subarray(1));
  return verifier.id === id ? verifier : undefined;
}

/** A signer under a name from an Ed25519 private key; throws a plain Error for a key of another kind or a name with spaces. */
export function noteSigner(name: string, key: KeyObject): NoteSigner {
  if (key.asymmetricKeyType !== 'ed25519' || key.type !== 'private')
    throw new Error('a log key is an Ed25519 private key');
  if (!isKeyName(name)) throw new Error('a key name has no space and no plus sign');
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (x === undefined) throw new Error('an Ed25519 key has an x coordinate');
  return { ...verifierOf(name, Buffer.from(x, 'base64url')), sign: (text) => sign(null, Buffer.from(text), key) };
}

/** A note over a text that ends in LF. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!text.endsWith('\n') || text.endsWith('\n\n')) throw new Error('a note text ends in one line feed');
  const encoded = Buffer.concat([Buffer.from(signer.id, 'hex'), signer.sign(text)]).toString('base64');
  return `${text}\n— ${signer.name} ${encoded}\n`;
}

/** A note in its parts, or undefined when the bytes are not one. */
export function parseNote(bytes: string | Uint8Array): Note | undefined {
  const note = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8');
  if (typeof bytes !== 'string' && Buffer.compare(Buffer.from(note), bytes) !== 0) return undefined;
  const gap = note.lastIndexOf('\n\n');
  if (gap < 0 || !note.endsWith('\n')) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of note.slice(gap + 2, -1).split('\n')) {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? [];
    const blob = encoded === undefined ? undefined : strictBase64(encoded);
    if (name === undefined || blob === undefined || blob.length < 5) return undefined;
    signatures.push({ name, id: blob.subarray(0, 4).toString('hex'), signature: blob.subarray(4) });
  }
  return { text: note.slice(0, gap + 1), signatures };
}

/** What a key has to say about a note: its signature is good, is bad, or is not there. */
export function judgeNote(note: Note, key: NoteVerifier): 'good' | 'bad' | 'absent' {
  const own = note.signatures.filter((line) => line.name === key.name && line.id === key.id);
  if (own.length === 0) return 'absent';
  return own.every((line) => key.verify(note.text, line.signature)) ? 'good' : 'bad';
}
