/** The key encryption key: AES-256-GCM around each signing key's private half, with the key id as associated data. */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { kekUnusable } from '../faults.ts';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export class Kek {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** Reads the file. Throws `identity.kek_unusable` when others may read it or it is not 32 bytes. */
  static read(path: string): Kek {
    const file = openSync(path, 'r');
    try {
      if ((fstatSync(file).mode & 0o077) !== 0) throw kekUnusable(path, 'can be read by others');
      const key = readFileSync(file);
      if (key.length !== keyBytes) throw kekUnusable(path, `holds ${key.length} bytes`);
      return new Kek(key);
    } finally {
      closeSync(file);
    }
  }

  /** Nonce, tag, ciphertext. */
  seal(kid: string, text: string): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(kid));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  }

  /** Throws when the bytes were sealed under another key or for another key id. */
  open(kid: string, sealed: Buffer): string {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    })
      .setAAD(Buffer.from(kid))
      .setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('utf8');
  }
}
