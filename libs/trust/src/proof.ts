/** Proof of possession in the form of RFC 9449 (DPoP): the key of one workload, held on the host side of its tether. */

import { createPrivateKey, hash, type KeyObject, randomBytes } from 'node:crypto';
import type { ProofTarget } from '@sallyport/core/gate';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { es256Sign } from './es256.ts';

/** JOSE `typ` of a proof. */
export const proofTyp = 'dpop+jwt';

/** RFC 9449 `ath`: base64url SHA-256 of the compact token. */
export const tokenHash = (token: string): string => hash('sha256', token, 'base64url');

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export class ProofKey {
  /** RFC 7638 thumbprint: what `cnf.jkt` of the token says. */
  readonly jkt: string;
  /** Public half, RFC 7517 JSON text. */
  readonly publicJwk: string;
  readonly #private: KeyObject;
  readonly #privateJwk: string;
  readonly #header: string;

  private constructor(jkt: string, publicJwk: JWK, privateJwk: string) {
    this.jkt = jkt;
    this.publicJwk = JSON.stringify(publicJwk);
    this.#privateJwk = privateJwk;
    this.#private = createPrivateKey({ key: JSON.parse(privateJwk), format: 'jwk' });
    this.#header = encode({ typ: proofTyp, alg: 'ES256', jwk: publicJwk });
  }

  static async generate(): Promise<ProofKey> {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    return ProofKey.import(JSON.stringify(await exportJWK(privateKey)));
  }

  /** From what `export` gave. Throws when the text is not a private P-256 JWK. */
  static async import(privateJwk: string): Promise<ProofKey> {
    const { kty, crv, x, y, d } = JSON.parse(privateJwk) as JWK;
    if (kty !== 'EC' || crv !== 'P-256' || !x || !y || !d) throw new Error('a proof key is a private P-256 JWK');
    const publicJwk = { kty, crv, x, y };
    return new ProofKey(await calculateJwkThumbprint(publicJwk), publicJwk, privateJwk);
  }

  /** The private half as JWK text: a secret, for a journal of mode 0600 and nothing else. */
  export(): string {
    return this.#privateJwk;
  }

  /** A proof for one call with one token; each is good once and for 60 seconds. */
  prove(target: ProofTarget, token: string, nowMs: number): string {
    const payload = encode({
      jti: randomBytes(16).toString('base64url'),
      htm: target.method,
      htu: target.uri,
      iat: Math.floor(nowMs / 1_000),
      ath: tokenHash(token),
    });
    const input = `${this.#header}.${payload}`;
    return `${input}.${es256Sign(Buffer.from(input, 'latin1'), this.#private).toString('base64url')}`;
  }
}
