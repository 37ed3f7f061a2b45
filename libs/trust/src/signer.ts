/** Signing keys of the chain and what is signed with them. Only identity holds a private half. */

import type { SignedClass } from '@sallyport/core/access';
import type { Claims, GrantClaims } from '@sallyport/core/claims';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { chainIssuer, signedClassTable } from './token-class.ts';

/** A new key pair of one class. The key id is the RFC 7638 thumbprint, so that one id cannot name two keys. */
export interface GeneratedKey {
  readonly kid: string;
  /** RFC 7517 JSON text. */
  readonly publicJwk: string;
  /** RFC 7517 JSON text; a secret. */
  readonly privateJwk: string;
}

export async function generateSigningKey(): Promise<GeneratedKey> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const publicJwk = await exportJWK(pair.publicKey);
  return {
    kid: await calculateJwkThumbprint(publicJwk),
    publicJwk: JSON.stringify(publicJwk),
    privateJwk: JSON.stringify(await exportJWK(pair.privateKey)),
  };
}

/** Claims as a caller of `mint` gives them: without what the signer itself decides. */
export type MintClaims<C extends SignedClass> = Omit<
  Extract<Claims | GrantClaims, { class: C }>,
  'class' | 'iss' | 'iat' | 'exp'
>;

export interface Minted {
  readonly token: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export class Signer<C extends SignedClass> {
  readonly tokenClass: C;
  readonly kid: string;
  readonly #key: CryptoKey;

  private constructor(tokenClass: C, kid: string, key: CryptoKey) {
    this.tokenClass = tokenClass;
    this.kid = kid;
    this.#key = key;
  }

  static async open<C extends SignedClass>(tokenClass: C, kid: string, privateJwk: string): Promise<Signer<C>> {
    const key = await importJWK(JSON.parse(privateJwk) as JWK, 'ES256');
    if (key instanceof Uint8Array) throw new Error('a signing key is a private P-256 JWK');
    return new Signer(tokenClass, kid, key);
  }

  /** Signs a token that lives `lifetimeSeconds`, or as long as its class may. Throws when that is longer than the class allows. */
  async mint(claims: MintClaims<C>, nowMs: number, lifetimeSeconds?: number): Promise<Minted> {
    const row = signedClassTable[this.tokenClass];
    const lifetime = lifetimeSeconds ?? row.lifetimeSeconds;
    if (lifetime <= 0 || lifetime > row.lifetimeSeconds)
      throw new Error(`a ${this.tokenClass} token lives at most ${row.lifetimeSeconds} s`);
    const iat = Math.floor(nowMs / 1_000);
    const expiresAt = iat + lifetime;
    const token = await new SignJWT({ ...claims, iss: chainIssuer, iat, exp: expiresAt })
      .setProtectedHeader({ alg: 'ES256', kid: this.kid, typ: row.typ })
      .sign(this.#key);
    return { token, expiresAt };
  }
}
