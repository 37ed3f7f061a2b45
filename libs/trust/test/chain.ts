/** A chain with keys of its own, and a forge that signs whatever header and payload a test wants. */

import { createPrivateKey, sign } from 'node:crypto';
import { type TokenClass, tokenClasses } from '@sallyport/core/access';
import type { Claims } from '@sallyport/core/claims';
import { FakeClock } from '@sallyport/testkit/clock';
import { type EpochRecord, EpochRing } from '../src/epoch-ring.ts';
import { KeyRing, type PublishedKey } from '../src/key-ring.ts';
import { type GeneratedKey, generateSigningKey } from '../src/signer.ts';
import { chainIssuer, tokenClassTable } from '../src/token-class.ts';
import { Verifier, type VerifierOptions } from '../src/verifier.ts';

export type Json = Record<string, unknown>;

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Signs two parts as they are given: objects are serialised, strings are taken as JSON text. */
export function forge(header: unknown, payload: unknown, privateJwk: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const key = createPrivateKey({ key: JSON.parse(privateJwk), format: 'jwk' });
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export class Chain {
  readonly clock = new FakeClock(Date.UTC(2026, 10, 21, 9) + 250);
  readonly keys: Record<TokenClass, GeneratedKey>;
  /** What the sources answer; tests change it. */
  published: PublishedKey[];
  epochs: EpochRecord[] = [];
  fetches = 0;

  private constructor(keys: Record<TokenClass, GeneratedKey>) {
    this.keys = keys;
    this.published = tokenClasses.map((tokenClass) => ({
      kid: keys[tokenClass].kid,
      class: tokenClass,
      jwk: keys[tokenClass].publicJwk,
    }));
  }

  static async create(): Promise<Chain> {
    const [session, intent, dispatch] = await Promise.all([
      generateSigningKey(),
      generateSigningKey(),
      generateSigningKey(),
    ]);
    return new Chain({ session, intent, dispatch });
  }

  get nowSeconds(): number {
    return Math.floor(this.clock.now() / 1_000);
  }

  async verifier(audience: string, options: Partial<VerifierOptions> = {}): Promise<Verifier> {
    const { keys, epochs } = await this.rings();
    return new Verifier({ audience, keys, epochs, clock: this.clock, ...options });
  }

  async rings(): Promise<{ keys: KeyRing; epochs: EpochRing }> {
    const keys = new KeyRing({
      issuer: chainIssuer,
      source: async () => {
        this.fetches += 1;
        return { issuer: chainIssuer, keys: this.published };
      },
      clock: this.clock,
    });
    const epochs = new EpochRing({
      source: async (after) => {
        const newer = this.epochs.filter((epoch) => epoch.version > after);
        return { epochs: newer, version: newer.at(-1)?.version ?? after };
      },
      clock: this.clock,
    });
    await Promise.all([keys.refresh(), epochs.refresh()]);
    return { keys, epochs };
  }

  header(tokenClass: TokenClass): Json {
    return { alg: 'ES256', kid: this.keys[tokenClass].kid, typ: tokenClassTable[tokenClass].typ };
  }

  payload(tokenClass: TokenClass, service = 'runtime', jkt = 'thumbprint'): Json {
    const iat = this.nowSeconds;
    const row = tokenClassTable[tokenClass];
    const common = {
      iss: chainIssuer,
      aud: row.audience(service),
      sub: 'usr_1',
      jti: 'jti-1',
      iat,
      exp: iat + row.lifetimeSeconds,
      org: 'acme',
      env: 'main',
    };
    const wsp = [{ id: 'demo', mode: 'rw' }];
    const dsp = { id: 'dsp_1', h: 'h1' };
    const lease = { edge: 'local', epoch: 1 };
    const act = { sub: 'usr_1', sub_profile: 'user' };
    if (tokenClass === 'session') {
      return { ...common, key: 'key_1', scope: ['run:create', 'run:read'], name: 'Ada', email: 'ada@example.org' };
    }
    if (tokenClass === 'intent') return { ...common, txn: 'run_1', act, wsp, dsp, lease };
    return {
      ...common,
      txn: 'run_1',
      req_wl: 'sallyport:runtime',
      act: { sub: 'agent', sub_profile: 'ai_agent', act },
      cnf: { jkt },
      tctx: {
        wsp,
        dsp,
        role: 'demo',
        profile: 'default',
        tools_h: 't1',
        net: { provider: 'p', url: 'http://127.0.0.1:1', credential: '' },
        lease,
        author: { name: 'Ada', email: 'ada@example.org' },
      },
      att: { fmt: 'process', ev: 'e1', lvl: 1 },
    };
  }

  /** A good token of a class for a service, with changes to payload and header. */
  token(tokenClass: TokenClass, change: Json = {}, headerChange: Json = {}, service = 'runtime'): string {
    const header = { ...this.header(tokenClass), ...headerChange };
    return forge(header, { ...this.payload(tokenClass, service), ...change }, this.keys[tokenClass].privateJwk);
  }

  dispatchToken(jkt: string): string {
    return forge(this.header('dispatch'), this.payload('dispatch', 'runtime', jkt), this.keys.dispatch.privateJwk);
  }
}

/** The reason a promise is refused with; undefined when it is not. */
export async function reasonOf(work: Promise<Claims | undefined> | Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error);
  }
}
