/** The little of RFC 1035 that a stub answers with: one question in, addresses out. Garbage is an outcome, never an exception. */

export const recordTypes = { A: 1, AAAA: 28 } as const;

export const responseCodes = { ok: 0, malformed: 1, failed: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;

export type ResponseCode = keyof typeof responseCodes;

export interface Question {
  /** Lower case, without the closing dot; undefined when a label holds what no host name does. */
  readonly name: string | undefined;
  readonly type: number;
  readonly isInternet: boolean;
}

/** `drop` is for what deserves no answer at all: responses, and packets too short to carry an id. */
export type Parsed =
  | { readonly kind: 'drop' }
  | { readonly kind: 'error'; readonly code: ResponseCode; readonly end: number }
  | { readonly kind: 'question'; readonly question: Question; readonly end: number };

const headerBytes = 12;
const labelForm = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

function nameAt(packet: Buffer, start: number): { name: string | undefined; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let total = 0;
  for (;;) {
    const length = packet[at];
    // A pointer (two high bits) has nothing to point at in a query.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    total += length + 1;
    if (total > 254 || at + length > packet.length) return undefined;
    labels.push(packet.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  const isHost = labels.length > 0 && labels.every((label) => labelForm.test(label));
  return { name: isHost ? labels.join('.') : undefined, end: at };
}

export function parseQuery(packet: Buffer): Parsed {
  if (packet.length < headerBytes) return { kind: 'drop' };
  const flags = packet.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return { kind: 'drop' };
  if ((flags & 0x7800) !== 0) return { kind: 'error', code: 'notImplemented', end: headerBytes };
  if (packet.readUInt16BE(4) !== 1) return { kind: 'error', code: 'malformed', end: headerBytes };
  const named = nameAt(packet, headerBytes);
  if (named === undefined || named.end + 4 > packet.length)
    return { kind: 'error', code: 'malformed', end: headerBytes };
  const question: Question = {
    name: named.name,
    type: packet.readUInt16BE(named.end),
    isInternet: packet.readUInt16BE(named.end + 2) === 1,
  };
  return { kind: 'question', question, end: named.end + 4 };
}

function addressBytes(address: string): Buffer | undefined {
  if (!address.includes(':')) {
    const parts = address.split('.').map(Number);
    return parts.length === 4 && parts.every((part) => part >= 0 && part <= 255) ? Buffer.from(parts) : undefined;
  }
  const [left = '', right] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const tail = groups(right ?? '');
  const middle = right === undefined ? [] : Array.from({ length: 8 - groups(left).length - tail.length }, () => '0');
  const all = [...groups(left), ...middle, ...tail].map((group) => Number.parseInt(group, 16));
  if (all.length !== 8 || all.some((group) => !(group >= 0 && group <= 0xffff))) return undefined;
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}

/** An answer to a query; `end` is where its question ends. Addresses of the wrong family are left out. */
export function encodeAnswer(
  query: Buffer,
  end: number,
  code: ResponseCode,
  addresses: readonly string[],
  ttl: number,
): Buffer {
  const questions = end > headerBytes ? 1 : 0;
  const header = Buffer.from(query.subarray(0, headerBytes));
  // QR and RA set, the query's opcode and RD kept.
  header.writeUInt16BE((0x8080 | (query.readUInt16BE(2) & 0x7900) | responseCodes[code]) & 0xffff, 2);
  header.writeUInt16BE(questions, 4);
  header.fill(0, 6);
  const type = questions === 1 ? query.readUInt16BE(end - 4) : 0;
  const wanted = type === recordTypes.A ? 4 : type === recordTypes.AAAA ? 16 : 0;
  const records = addresses
    .flatMap((address) => addressBytes(address) ?? [])
    .filter((bytes) => bytes.length === wanted)
    .slice(0, 16)
    .map((bytes) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc000 | headerBytes, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttl, 6);
      record.writeUInt16BE(bytes.length, 10);
      return Buffer.concat([record, bytes]);
    });
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(headerBytes, end), ...records]);
}
