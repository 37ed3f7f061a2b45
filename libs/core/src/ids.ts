/** Prefixed, time-ordered ids: `<kind>_` and a UUIDv7 (RFC 9562 section 5.7) in lower-case Crockford base32. */

import { createHash, randomFillSync } from 'node:crypto';

/** Every kind of id, one word per meaning. */
export const idPrefixes = {
  run: 'run',
  task: 'task',
  dispatch: 'dsp',
  decision: 'dec',
  event: 'evt',
  principal: 'usr',
  key: 'key',
  edge: 'edge',
  lease: 'lse',
  upload: 'upl',
  download: 'dwn',
  session: 'ses',
  export: 'exp',
  trace: 'trc',
  schedule: 'sch',
  subscription: 'sub',
  firing: 'fir',
  webhook: 'whk',
  grant: 'grn',
  input: 'inp',
} as const;

export type IdKind = keyof typeof idPrefixes;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** Random bytes not given out yet: asking the system for a page costs hardly more than for ten bytes. */
const random = new Uint8Array(4096);
let spent = random.length;

function fillRandom(bytes: Uint8Array): void {
  if (spent + bytes.length > random.length) {
    randomFillSync(random);
    spent = 0;
  }
  bytes.set(random.subarray(spent, spent + bytes.length));
  spent += bytes.length;
}

/** The 16 bytes of a UUIDv7 for a time in milliseconds. */
export function uuid7Bytes(nowMs: number): Uint8Array {
  const bytes = new Uint8Array(16);
  fillRandom(bytes.subarray(6));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(nowMs / 0x10000));
  view.setUint16(4, nowMs % 0x10000);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

/** A UUIDv7 in its usual text form. */
export function uuid7(nowMs: number): string {
  const hex = Buffer.from(uuid7Bytes(nowMs)).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A new id: sorts by time of creation, 26 characters behind the prefix. */
export const newId = (kind: IdKind, nowMs: number): string => idOf(kind, uuid7Bytes(nowMs));

/** The id that a name always gets: for what must be the same thing however often it is asked for. It tells nothing of the name. */
export const idFrom = (kind: IdKind, name: string): string =>
  idOf(kind, createHash('sha256').update(name).digest().subarray(0, 16));

function idOf(kind: IdKind, bytes: Uint8Array): string {
  // 128 bits are 26 digits of five with two zero bits before them.
  let held = 0;
  let bits = 2;
  let text = '';
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; ) {
      bits -= 5;
      text += alphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return `${idPrefixes[kind]}_${text}`;
}

/** Whether a text from outside has the form of an id of this kind. */
export const isId = (kind: IdKind, text: string): boolean =>
  text.startsWith(`${idPrefixes[kind]}_`) && /^[0-9a-hjkmnp-tv-z]{26}$/.test(text.slice(idPrefixes[kind].length + 1));

/** Names people choose for orgs, environments, workspaces, roles: a lower-case slug of 1 to 63 characters. */
export const isSlug = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
