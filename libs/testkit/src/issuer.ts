/** Tokens for tests: a chain with keys of its own, signed and verified by the real code. */

import { type TokenClass, tokenClasses } from '@sallyport/core/access';
import type { DispatchClaims, SessionClaims } from '@sallyport/core/claims';
import { type Clock, systemClock } from '@sallyport/core/clock';
import { uuid7 } from '@sallyport/core/ids';
import { EpochRing } from '@sallyport/trust/epoch-ring';
import { KeyRing } from '@sallyport/trust/key-ring';
import { ProofKey } from '@sallyport/trust/proof';
import { type GeneratedKey, generateSigningKey, type MintClaims, Signer } from '@sallyport/trust/signer';
import { chainIssuer } from '@sallyport/trust/token-class';
import { Verifier } from '@sallyport/trust/verifier';

/** Mints tokens of every class and makes verifiers that accept them. */
export class TestIssuer {
  readonly #keys: ReadonlyMap<TokenClass, GeneratedKey>;
  readonly #clock: Clock;

  private constructor(keys: ReadonlyMap<TokenClass, GeneratedKey>, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  static async create(clock: Clock = systemClock): Promise<TestIssuer> {
    const keys = new Map<TokenClass, GeneratedKey>();
    for (const tokenClass of tokenClasses) keys.set(tokenClass, await generateSigningKey());
    return new TestIssuer(keys, clock);
  }

  /** A verifier of one service, its rings filled. */
  async verifier(audience: string): Promise<Verifier> {
    const published = [...this.#keys].map(([tokenClass, key]) => ({
      kid: key.kid,
      class: tokenClass,
      jwk: key.publicJwk,
    }));
    const keys = new KeyRing({
      issuer: chainIssuer,
      source: () => Promise.resolve({ issuer: chainIssuer, keys: published }),
      clock: this.#clock,
    });
    const epochs = new EpochRing({ source: () => Promise.resolve({ epochs: [], version: 0n }), clock: this.#clock });
    await keys.refresh();
    await epochs.refresh();
    // Tests have no identity to poll; the ring would go stale and refuse everything.
    setInterval(() => void epochs.refresh(), 2_000).unref();
    return new Verifier({ audience, keys, epochs, clock: this.#clock });
  }

  /** RFC 7517 text of the public key of a class. */
  publicJwk(tokenClass: TokenClass): string {
    return this.#keys.get(tokenClass)?.publicJwk ?? '';
  }

  /** Signs claims of a class. */
  async mint<C extends TokenClass>(tokenClass: C, claims: MintClaims<C>, lifetimeSeconds?: number): Promise<string> {
    const key = this.#keys.get(tokenClass);
    if (key === undefined) throw new Error(`no key for ${tokenClass}`);
    const signer = await Signer.open(tokenClass, key.kid, key.privateJwk);
    return (await signer.mint(claims, this.#clock.now(), lifetimeSeconds)).token;
  }

  /** A session of org `acme`, environment `main`, every scope, unless told otherwise. */
  session(service: string, claims: Partial<MintClaims<'session'>> = {}): Promise<string> {
    return this.mint('session', {
      aud: `sallyport:${service}`,
      sub: 'usr_test',
      jti: uuid7(this.#clock.now()),
      org: 'acme',
      env: 'main',
      key: 'key_test',
      scope: ['*'] as SessionClaims['scope'],
      name: 'Ada',
      email: 'ada@example.org',
      ...claims,
    });
  }

  /** A dispatch token with the proof key it is bound to. */
  async dispatch(claims: Partial<MintClaims<'dispatch'>> = {}): Promise<{ token: string; key: ProofKey }> {
    const key = await ProofKey.generate();
    const token = await this.mint('dispatch', { ...this.dispatchClaims(key.jkt), ...claims });
    return { token, key };
  }

  /** Claims of a plain dispatch: run_1, dsp_1, workspaces demo rw and company ro. */
  dispatchClaims(jkt: string): MintClaims<'dispatch'> {
    return {
      aud: 'sallyport',
      sub: 'usr_test',
      jti: uuid7(this.#clock.now()),
      org: 'acme',
      env: 'main',
      txn: 'run_1',
      req_wl: 'sallyport:runtime',
      act: {
        sub: 'sallyport:org/acme/run/run_1',
        sub_profile: 'ai_agent',
        act: { sub: 'usr_test', sub_profile: 'user' },
      },
      cnf: { jkt },
      tctx: {
        wsp: [
          { id: 'demo', mode: 'rw' },
          { id: 'company', mode: 'ro' },
        ],
        dsp: { id: 'dsp_1', h: '0'.repeat(64) },
        role: 'demo',
        profile: 'default',
        tools_h: '0'.repeat(64),
        net: { provider: 'scripted', url: 'http://127.0.0.1:1', credential: '' },
        lease: { edge: 'local', epoch: 1 },
        author: { name: 'Ada', email: 'ada@example.org' },
      },
      att: { fmt: 'process', ev: '0'.repeat(64), lvl: 2 },
    } satisfies Omit<DispatchClaims, 'class' | 'iss' | 'iat' | 'exp'>;
  }
}
