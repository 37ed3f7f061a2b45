/**
 * V0: the one verifier. Each service runs it with its own audience and its own rings and believes nobody else's verdict.
 *
 * The steps stand in the order in which they refuse: encoding, json, typ, alg, header, kid, signature, iss, aud, lifetime,
 * revoked, claims. A verdict is remembered, but what can change about a token (time, keys, revocations) is asked every time.
 */

import { hash, type KeyObject } from 'node:crypto';
import type { AccessRow, TokenClass } from '@sallyport/core/access';
import type { Claims } from '@sallyport/core/claims';
import type { Clock } from '@sallyport/core/clock';
import type { Credentials, ProofTarget, TokenGate } from '@sallyport/core/gate';
import { parseClaims } from './claim-shapes.ts';
import { type Decoded, decodeCompact, type JsonObject } from './encoding.ts';
import type { EpochKind, EpochRing, Revocable } from './epoch-ring.ts';
import { es256Verify } from './es256.ts';
import { proofFault, scopeMissing, tokenFault } from './faults.ts';
import type { KeyRing } from './key-ring.ts';
import { Lru } from './lru.ts';
import { ProofChecker } from './proof-checker.ts';
import { classOfTyp, clockSkewSeconds, tokenClassTable } from './token-class.ts';

export interface VerifierOptions {
  /** Name of the service that verifies: `runtime`. */
  readonly audience: string;
  readonly keys: KeyRing;
  readonly epochs: EpochRing;
  readonly clock: Clock;
  /** Methods whose token is addressed to another service than this one, with that one audience instead of the own. */
  readonly methodAudiences?: Readonly<Record<string, string>>;
  /** Verified tokens remembered; 0 verifies every time. */
  readonly cacheSize?: number;
}

type ClaimsOf<C extends TokenClass> = Extract<Claims, { class: C }>;

interface Verdict {
  readonly claims: Claims;
  readonly kid: string;
  readonly revocable: Revocable;
}

const kidForm = /^[A-Za-z0-9_-]{1,64}$/;
const headerMembers: ReadonlySet<string> = new Set(['alg', 'kid', 'typ']);

/** Step 3. The key id of a well-formed header of the class. */
function kidOf(header: JsonObject, tokenClass: TokenClass): string {
  if (header['typ'] !== tokenClassTable[tokenClass].typ) throw tokenFault('token.typ');
  if (header['alg'] !== 'ES256') throw tokenFault('token.alg');
  if (Object.keys(header).some((name) => !headerMembers.has(name))) throw tokenFault('token.header');
  const { kid } = header;
  if (typeof kid !== 'string' || !kidForm.test(kid)) throw tokenFault('token.kid');
  return kid;
}

function revocable(payload: JsonObject, kid?: string): Revocable {
  const subjects: [EpochKind, string][] = kid === undefined ? [] : [['kid', kid]];
  for (const [kind, name] of [
    ['run', 'txn'],
    ['subject', 'sub'],
    ['org', 'org'],
    ['key', 'key'],
    ['grant', 'grant'],
  ] as const) {
    const id = payload[name];
    if (typeof id === 'string') subjects.push([kind, id]);
  }
  return { issuedAtSeconds: Number(payload['iat']), subjects };
}

export class Verifier implements TokenGate {
  readonly #options: VerifierOptions;
  readonly #cache: Lru<Verdict>;
  readonly #proofs: ProofChecker;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#cache = new Lru(options.cacheSize ?? 4_096);
    this.#proofs = new ProofChecker(options.clock);
  }

  /** The claims of a token of one class, or a Fault. `method` matters only to methods with an audience of their own. */
  async verify<C extends TokenClass>(raw: string, tokenClass: C, method?: string): Promise<ClaimsOf<C>> {
    const audience = this.#audience(tokenClass, method);
    const cacheKey = `${tokenClass}/${hash('sha256', raw, 'base64url')}`;
    const known = this.#cache.get(cacheKey);
    if (known !== undefined) {
      this.#recheck(known, audience, tokenClass, cacheKey);
      return known.claims as ClaimsOf<C>;
    }
    const token = decoded(raw);
    const kid = kidOf(token.header, tokenClass);
    const { keys } = this.#options;
    const key = keys.find(tokenClass, kid) ?? (await keys.findFresh(tokenClass, kid));
    if (key === undefined) throw tokenFault('token.kid');
    const verdict = this.#judge(token, kid, key, tokenClass, audience);
    this.#cache.set(cacheKey, verdict);
    return verdict.claims as ClaimsOf<C>;
  }

  /**
   * Throws `token.revoked` once claims that were verified earlier no longer count, and `token.revocation_stale` when that cannot be
   * told. For work that outlasts the call its token came with; time is the caller's own matter, since such tokens are renewed.
   */
  checkRevoked(claims: Claims): void {
    this.#options.epochs.check(revocable({ ...claims }));
  }

  async admit(row: AccessRow, credentials: Credentials, target: ProofTarget): Promise<Claims | undefined> {
    if (row.token === 'none') return undefined;
    const { token } = credentials;
    if (token === undefined || token === '') throw tokenFault('token.missing');
    if (row.token === 'intent') return this.verify(token, 'intent', target.method);
    if (row.token === 'dispatch') return this.#admitDispatch(token, credentials, target);
    if (row.token === 'session_or_dispatch' && peekClass(token) === 'dispatch') {
      return this.#admitDispatch(token, credentials, target);
    }
    const claims = await this.verify(token, 'session', target.method);
    if (!claims.scope.includes('*') && !claims.scope.includes(row.scope)) throw scopeMissing(row.scope, claims.scope);
    return claims;
  }

  async #admitDispatch(token: string, { proof }: Credentials, target: ProofTarget): Promise<Claims> {
    const claims = await this.verify(token, 'dispatch', target.method);
    if (proof === undefined || proof === '') throw proofFault('proof.missing');
    await this.#proofs.check(proof, { target, token, jkt: claims.cnf.jkt });
    return claims;
  }

  #audience(tokenClass: TokenClass, method: string | undefined): string {
    const own = tokenClassTable[tokenClass].audience(this.#options.audience);
    return (method === undefined ? undefined : this.#options.methodAudiences?.[method]) ?? own;
  }

  /** Steps 5 to 9. */
  #judge(token: Decoded, kid: string, key: KeyObject, tokenClass: TokenClass, audience: string): Verdict {
    const { keys, epochs } = this.#options;
    const { payload } = token;
    if (!es256Verify(token.input, token.signature, key)) throw tokenFault('token.signature');
    if (payload['iss'] !== keys.issuer) throw tokenFault('token.iss');
    if (payload['aud'] !== audience) throw tokenFault('token.aud');
    this.#checkLifetime(payload, tokenClass);
    const covered = revocable(payload, kid);
    epochs.check(covered);
    return { claims: parseClaims(tokenClass, payload), kid, revocable: covered };
  }

  #recheck(known: Verdict, audience: string, tokenClass: TokenClass, cacheKey: string): void {
    if (this.#options.keys.find(tokenClass, known.kid) === undefined) throw tokenFault('token.kid');
    if (known.claims.aud !== audience) throw tokenFault('token.aud');
    if (this.#expired(known.claims.exp)) {
      this.#cache.delete(cacheKey);
      throw tokenFault('token.lifetime');
    }
    this.#options.epochs.check(known.revocable);
  }

  #checkLifetime(payload: JsonObject, tokenClass: TokenClass): void {
    const { iat, exp, nbf } = payload as { iat?: unknown; exp?: unknown; nbf?: unknown };
    if (!isSeconds(iat) || !isSeconds(exp) || !(nbf === undefined || isSeconds(nbf)))
      throw tokenFault('token.lifetime');
    if (exp <= iat || exp - iat > tokenClassTable[tokenClass].lifetimeSeconds) throw tokenFault('token.lifetime');
    const latest = this.#options.clock.now() / 1_000 + clockSkewSeconds;
    if (iat > latest || (nbf ?? 0) > latest || this.#expired(exp)) throw tokenFault('token.lifetime');
  }

  #expired(exp: number): boolean {
    return this.#options.clock.now() >= (exp + clockSkewSeconds) * 1_000;
  }
}

const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Steps 1 and 2. */
function decoded(raw: string): Decoded {
  const token = decodeCompact(raw);
  if (token === 'encoding') throw tokenFault('token.encoding');
  if (token === 'json') throw tokenFault('token.json');
  return token;
}

/** The class a token says it is of; decides only which rules it is then held to. */
function peekClass(raw: string): TokenClass | undefined {
  const token = decodeCompact(raw);
  return typeof token === 'string' ? undefined : classOfTyp(token.header['typ']);
}
