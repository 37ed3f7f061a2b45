/** The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), and the alert that ends a handshake. */

/** Fatal `access_denied`. */
export const accessDeniedAlert: Uint8Array = Buffer.from([21, 3, 3, 0, 2, 2, 49]);

export const handshakeRecord = 22;

/** Most of a hello worth waiting for. */
export const maxHello = 16 * 1024 + 5;

/** Whether the first record has arrived whole. */
export const isWhole = (bytes: Buffer): boolean => bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3);

/** Walks length-prefixed fields; past the end everything reads as undefined. */
class Cursor {
  private readonly bytes: Buffer;
  private at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  number(size: 1 | 2 | 3): number | undefined {
    if (this.at + size > this.bytes.length) return undefined;
    const value = this.bytes.readUIntBE(this.at, size);
    this.at += size;
    return value;
  }

  skip(count: number): void {
    this.at += count;
  }

  take(size: 1 | 2): Buffer | undefined {
    const length = this.number(size);
    if (length === undefined || this.at + length > this.bytes.length) return undefined;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function nameIn(extension: Buffer): string | undefined {
  const list = new Cursor(extension).take(2);
  if (list === undefined) return undefined;
  const entry = new Cursor(list);
  return entry.number(1) === 0 ? entry.take(2)?.toString('latin1') : undefined;
}

/** The server name, exactly as sent; undefined when the hello has none or is not one. */
export function serverName(bytes: Buffer): string | undefined {
  const hello = new Cursor(bytes, 5);
  if (bytes[0] !== handshakeRecord || hello.number(1) !== 1) return undefined;
  hello.skip(3 + 2 + 32);
  hello.take(1);
  hello.take(2);
  hello.take(1);
  const extensions = hello.take(2);
  if (extensions === undefined) return undefined;
  const cursor = new Cursor(extensions);
  for (;;) {
    const type = cursor.number(2);
    const body = cursor.take(2);
    if (type === undefined || body === undefined) return undefined;
    if (type === 0) return nameIn(body);
  }
}
