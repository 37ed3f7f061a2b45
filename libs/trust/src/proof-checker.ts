/** Checks proofs of possession (RFC 9449 section 4.3): right key, right call, right token, recent, once. */

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '@sallyport/core/clock';
import type { ProofTarget } from '@sallyport/core/gate';
import { calculateJwkThumbprint } from 'jose';
import { decodeCompact, hasExactly, isObject, type JsonObject } from './encoding.ts';
import { es256Verify } from './es256.ts';
import { proofFault } from './faults.ts';
import { Lru } from './lru.ts';
import { proofTyp, tokenHash } from './proof.ts';
import { ReplayGuard } from './replay-guard.ts';
import { parseStrictJson } from './strict-json.ts';
import { clockSkewSeconds } from './token-class.ts';

/** How old a proof may be, seconds. */
export const proofWindowSeconds = 60;

export interface ProofBinding {
  readonly target: ProofTarget;
  readonly token: string;
  /** Thumbprint the token is bound to. */
  readonly jkt: string;
}

interface KnownKey {
  readonly jkt: string;
  readonly key: KeyObject;
}

interface PublicPoint {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** A public P-256 JWK with exactly the members of RFC 7638, or undefined. */
export function publicPoint(jwk: unknown): PublicPoint | undefined {
  if (!isObject(jwk) || !hasExactly(jwk, ['kty', 'crv', 'x', 'y'])) return undefined;
  const { kty, crv, x, y } = jwk;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') return undefined;
  return { kty, crv, x, y };
}

/** RFC 7638 thumbprint and key of a public P-256 JWK; undefined when it is none. */
export async function importPublicPoint(jwk: unknown): Promise<KnownKey | undefined> {
  const point = publicPoint(jwk);
  if (point === undefined) return undefined;
  try {
    return { jkt: await calculateJwkThumbprint(point), key: createPublicKey({ key: { ...point }, format: 'jwk' }) };
  } catch {
    return undefined;
  }
}

/** RFC 7638 thumbprint of a public P-256 JWK given as text; undefined when it is none. */
export async function thumbprint(jwkText: string): Promise<string | undefined> {
  let jwk: unknown;
  try {
    jwk = parseStrictJson(Buffer.from(jwkText));
  } catch {
    return undefined;
  }
  return (await importPublicPoint(jwk))?.jkt;
}

interface ProofClaims {
  readonly htm: string;
  readonly htu: string;
  readonly iat: number;
  readonly jti: string;
  readonly ath: string;
}

function claimsOf({ htm, htu, iat, jti, ath }: JsonObject): ProofClaims {
  const words = [htm, htu, jti, ath];
  const shaped = words.every((word) => typeof word === 'string' && word !== '') && Number.isSafeInteger(iat);
  if (!shaped || String(jti).length > 64) throw proofFault('proof.claims');
  return { htm: String(htm), htu: String(htu), iat: Number(iat), jti: String(jti), ath: String(ath) };
}

export class ProofChecker {
  readonly #clock: Clock;
  readonly #keys = new Lru<KnownKey>(1_024);
  readonly #seen: ReplayGuard;

  constructor(clock: Clock, seen?: ReplayGuard) {
    this.#clock = clock;
    // One second more than a proof can be valid, because `iat` is cut to whole seconds.
    const windowMs = (proofWindowSeconds + clockSkewSeconds + 1) * 1_000;
    this.#seen = seen ?? new ReplayGuard({ clock, windowMs });
  }

  /** Resolves when the proof holds; throws a `proof.*` Fault otherwise. Remembering is per process. */
  async check(raw: string, binding: ProofBinding): Promise<void> {
    const proof = decodeCompact(raw);
    if (typeof proof === 'string') throw proofFault('proof.encoding');
    const { header } = proof;
    if (header['typ'] !== proofTyp) throw proofFault('proof.typ');
    if (header['alg'] !== 'ES256') throw proofFault('proof.alg');
    if (!hasExactly(header, ['alg', 'jwk', 'typ'])) throw proofFault('proof.header');
    const key = await this.#key(header['jwk'], binding.jkt);
    if (!es256Verify(proof.input, proof.signature, key)) throw proofFault('proof.signature');
    const claims = claimsOf(proof.payload);
    if (claims.htm !== binding.target.method || claims.htu !== binding.target.uri) throw proofFault('proof.target');
    if (claims.ath !== tokenHash(binding.token)) throw proofFault('proof.token');
    this.#checkTime(claims.iat);
    if (!this.#seen.first(`${binding.jkt}/${claims.jti}`)) throw proofFault('proof.replay');
  }

  async #key(jwk: unknown, jkt: string): Promise<KeyObject> {
    const point = publicPoint(jwk);
    if (point === undefined) throw proofFault('proof.key');
    const label = `${point.x}.${point.y}`;
    const known = this.#keys.get(label) ?? (await importPublicPoint(point));
    if (known === undefined || known.jkt !== jkt) throw proofFault('proof.key');
    this.#keys.set(label, known);
    return known.key;
  }

  #checkTime(iat: number): void {
    const now = this.#clock.now() / 1_000;
    if (iat < Math.floor(now) - proofWindowSeconds || iat > now + clockSkewSeconds) throw proofFault('proof.time');
  }
}
