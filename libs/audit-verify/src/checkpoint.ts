/** C2SP tlog-checkpoint: origin, size and root as a signed note, with no extension lines. */

import { judgeNote, type NoteSigner, type NoteVerifier, parseNote, signNote } from './note.ts';

/** What a checkpoint says. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** Origin line, and key name, of an org's log. */
export const originOf = (org: string): string => `sallyport.local/audit/${org}`;

/** The signed note of a tree head. */
export const signCheckpoint = (size: number, root: Uint8Array, signer: NoteSigner): string =>
  signNote(`${signer.name}\n${size}\n${Buffer.from(root).toString('base64')}\n`, signer);

/** The tree head a note text states, or undefined when it is not one in its one spelling. */
export function parseTreeHead(text: string): TreeHead | undefined {
  const [, origin, digits, encoded] = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/u.exec(text) ?? [];
  if (origin === undefined || digits === undefined || encoded === undefined) return undefined;
  const size = Number(digits);
  const root = Buffer.from(encoded, 'base64');
  return Number.isSafeInteger(size) && root.toString('base64') === encoded ? { origin, size, root } : undefined;
}

/** The tree head of a checkpoint that this key signed under its own name as origin; otherwise why not. */
export function openCheckpoint(
  bytes: string | Uint8Array,
  key: NoteVerifier,
): TreeHead | 'malformed' | 'bad_signature' | 'other_key' | 'other_origin' {
  const note = parseNote(bytes);
  const head = note === undefined ? undefined : parseTreeHead(note.text);
  if (note === undefined || head === undefined) return 'malformed';
  const verdict = judgeNote(note, key);
  if (verdict !== 'good') return verdict === 'bad' ? 'bad_signature' : 'other_key';
  return head.origin === key.name ? head : 'other_origin';
}
