/** The Ed25519 key that signs checkpoints; one key, one verifier key per org by its origin. */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { originOf } from '@sallyport/audit-verify/checkpoint';
import { type NoteSigner, noteSigner } from '@sallyport/audit-verify/note';
import { keyUnusable } from '../faults.ts';

/** Signs for every log. */
export class SigningKey {
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
  }

  /** Reads the key, or makes it when there is no file. Throws `audit.key_unusable`. */
  static load(path: string): SigningKey {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) create(path);
    if ((statSync(path).mode & 0o077) !== 0) throw keyUnusable(path, 'others than its owner may read it');
    return new SigningKey(parse(path));
  }

  /** The signer of an org's log. */
  signerOf(org: string): NoteSigner {
    return noteSigner(originOf(org), this.#key);
  }
}

function create(path: string): void {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  try {
    writeFileSync(path, pem, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    // Another process was first; its key is the key.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function parse(path: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(path));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    throw keyUnusable(path, 'it is not a PEM private key');
  }
  throw keyUnusable(path, 'it is not an Ed25519 key');
}
