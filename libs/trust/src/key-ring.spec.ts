import { beforeEach, describe, expect, test } from '@jest/globals';
import { Chain, reasonOf } from '../test/chain.ts';
import type { KeyRing } from './key-ring.ts';
import { generateSigningKey } from './signer.ts';

let chain: Chain;
let ring: KeyRing;

beforeEach(async () => {
  chain = await Chain.create();
  ring = (await chain.rings()).keys;
});

const publish = async (kid?: string) => {
  const made = await generateSigningKey();
  const key = { kid: kid ?? made.kid, class: 'session', jwk: made.publicJwk } as const;
  chain.published = [...chain.published, key];
  return key;
};

describe('a key ring', () => {
  test('finds a key of its class only', () => {
    const { kid } = chain.keys.session;
    expect(ring.find('session', kid)).toBeDefined();
    expect(ring.find('dispatch', kid)).toBeUndefined();
  });

  test('fetches once for an unknown id and then knows it', async () => {
    const { kid } = await publish();
    const before = chain.fetches;
    const found = await Promise.all(Array.from({ length: 20 }, () => ring.findFresh('session', kid)));
    expect(found.every((key) => key !== undefined)).toBe(true);
    expect(chain.fetches).toBe(before + 1);
  });

  test('fetches at most once a second however many unknown ids come', async () => {
    const before = chain.fetches;
    for (let each = 0; each < 50; each += 1) expect(await ring.findFresh('session', `forged-${each}`)).toBeUndefined();
    expect(chain.fetches).toBe(before + 1);
    chain.clock.advance(1_000);
    await ring.findFresh('session', 'forged');
    expect(chain.fetches).toBe(before + 2);
  });

  test('drops a key at the end of its overlap without being told', () => {
    chain.published = chain.published.map((key) => ({ ...key, retiresAt: chain.clock.now() + 1_000 }));
    return ring.refresh().then(() => {
      const { kid } = chain.keys.session;
      expect(ring.find('session', kid)).toBeDefined();
      chain.clock.advance(1_000);
      expect(ring.find('session', kid)).toBeUndefined();
    });
  });

  test('refuses a set that shows another key under a known id and keeps what it has', async () => {
    const { kid } = chain.keys.session;
    chain.published = chain.published.filter((key) => key.kid !== kid);
    await publish(kid);
    await expect(ring.refresh()).rejects.toThrow(kid);
    const verifier = await chain.verifier('runtime', { keys: ring });
    expect(await reasonOf(verifier.verify(chain.token('session'), 'session'))).toBeUndefined();
  });

  test('keeps what it has when the source fails', async () => {
    const { kid } = chain.keys.session;
    chain.published = [{ kid: 'x', class: 'session', jwk: '{"kty":"oct","k":"AA"}' }];
    await expect(ring.refresh()).rejects.toThrow();
    expect(ring.find('session', kid)).toBeDefined();
    chain.clock.advance(2_000);
    expect(await ring.findFresh('session', 'unknown')).toBeUndefined();
  });
});
