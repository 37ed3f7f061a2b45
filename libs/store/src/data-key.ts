/** Data keys under a root key: one key per thing that is sealed, kept only in wrapped form. */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Fault } from '@sallyport/core/fault';
import { contextBytes, type SealContext } from './cipher.ts';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const version = 1;

export const rootKeyRefused = (why: string): Fault =>
  new Fault(
    'failed_precondition',
    'store.root_key',
    `the root key file ${why}; it must be a regular file of 32 random bytes, owned by this user, mode 0600`,
  );

export const dataKeyRefused = (context: SealContext): Fault =>
  new Fault(
    'internal',
    'store.data_key',
    'a wrapped data key does not open; the root key is another one, or the row was altered',
    { object: context.join('/') },
  );

/** The key that wraps data keys; never leaves the process and has no readable form. */
export class RootKey {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** @throws Fault `store.root_key` for anything looser than an own 0600 regular file of 32 bytes. */
  static async read(path: string): Promise<RootKey> {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
      throw rootKeyRefused((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'cannot be opened');
    });
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw rootKeyRefused('is not a regular file');
      if (stat.uid !== process.getuid?.()) throw rootKeyRefused('belongs to another user');
      if ((stat.mode & 0o077) !== 0) throw rootKeyRefused('is open to others');
      const key = await file.readFile();
      if (key.length !== keyBytes) throw rootKeyRefused('does not hold 32 bytes');
      return new RootKey(key);
    } finally {
      await file.close();
    }
  }

  /** A new data key in wrapped form. */
  createDataKey(context: SealContext): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(this.#aad(context));
    return Buffer.concat([
      Buffer.from([version]),
      nonce,
      cipher.update(randomBytes(keyBytes)),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** @throws Fault `store.data_key`. */
  unwrap(wrapped: Uint8Array, context: SealContext): Buffer {
    const bytes = Buffer.from(wrapped);
    if (bytes.length !== 1 + nonceBytes + keyBytes + tagBytes || bytes[0] !== version) throw dataKeyRefused(context);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(1, 1 + nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(this.#aad(context)).setAuthTag(bytes.subarray(bytes.length - tagBytes));
    try {
      return Buffer.concat([
        decipher.update(bytes.subarray(1 + nonceBytes, bytes.length - tagBytes)),
        decipher.final(),
      ]);
    } catch {
      throw dataKeyRefused(context);
    }
  }

  #aad(context: SealContext): Buffer {
    return contextBytes(['sallyport data key v1', ...context]);
  }
}
