import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { calculateJwkThumbprint } from 'jose';
import { encode, forge, type Json, reasonOf } from '../test/chain.ts';
import { ProofKey, tokenHash } from './proof.ts';
import { ProofChecker, thumbprint } from './proof-checker.ts';
import { ReplayGuard } from './replay-guard.ts';

const target = { method: 'PrepareMount', uri: 'bus:workspace.v1.WorkspaceService/PrepareMount' };
const token = 'header.payload.signature';

let clock: FakeClock;
let checker: ProofChecker;
let key: ProofKey;

beforeEach(async () => {
  clock = new FakeClock();
  checker = new ProofChecker(clock);
  key = await ProofKey.generate();
});

const check = (proof: string, jkt = key.jkt) => reasonOf(checker.check(proof, { target, token, jkt }));

/** A proof of the key with changed header or payload members, signed anew. */
function forged(change: Json, headerChange: Json = {}, signer = key): string {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: JSON.parse(key.publicJwk), ...headerChange };
  const iat = Math.floor(clock.now() / 1_000);
  const payload = { jti: 'j1', htm: target.method, htu: target.uri, iat, ath: tokenHash(token), ...change };
  return forge(header, payload, signer.export());
}

describe('a proof', () => {
  test('holds once', async () => {
    const proof = key.prove(target, token, clock.now());
    expect(await check(proof)).toBeUndefined();
    expect(await check(proof)).toBe('proof.replay');
  });

  test('is remembered as long as it could be shown again', async () => {
    const proof = key.prove(target, token, clock.now() + 5_000);
    expect(await check(proof)).toBeUndefined();
    for (let seconds = 0; seconds < 65; seconds += 1) {
      clock.advance(1_000);
      expect(await check(proof)).toBe('proof.replay');
    }
    clock.advance(1_000);
    expect(await check(proof)).toBe('proof.time');
  });

  test('of an exported and imported key is the same', async () => {
    const copy = await ProofKey.import(key.export());
    expect(copy.jkt).toBe(key.jkt);
    expect(await check(copy.prove(target, token, clock.now()))).toBeUndefined();
    await expect(ProofKey.import(key.publicJwk)).rejects.toThrow();
  });

  test('shows the thumbprint that jose calculates', async () => {
    expect(await calculateJwkThumbprint(JSON.parse(key.publicJwk))).toBe(key.jkt);
    expect(await thumbprint(key.publicJwk)).toBe(key.jkt);
    expect(await thumbprint(key.export())).toBeUndefined();
    expect(await thumbprint('{')).toBeUndefined();
  });

  test('is refused beside a token bound to another key, even after it held for its own', async () => {
    expect(await check(key.prove(target, token, clock.now()))).toBeUndefined();
    expect(await check(key.prove(target, token, clock.now()), (await ProofKey.generate()).jkt)).toBe('proof.key');
  });

  test('does not use up the id of a proof of another key', async () => {
    const other = await ProofKey.generate();
    expect(await check(forged({ jti: 'same' }))).toBeUndefined();
    const foreign = forged({ jti: 'same' }, { jwk: JSON.parse(other.publicJwk) }, other);
    expect(await check(foreign, other.jkt)).toBeUndefined();
  });
});

describe('refuses', () => {
  const at = (seconds: number) => () => ({ iat: Math.floor(clock.now() / 1_000) + seconds });
  test.each<[string, () => Json, string]>([
    ['another method', () => ({ htm: 'CommitMount' }), 'proof.target'],
    ['another address', () => ({ htu: 'bus:workspace.v1.WorkspaceService/CommitMount' }), 'proof.target'],
    ['another token', () => ({ ath: tokenHash('another') }), 'proof.token'],
    ['an iat of 61 seconds ago', at(-61), 'proof.time'],
    ['an iat of six minutes ago', at(-360), 'proof.time'],
    ['an iat in 6 seconds', at(6), 'proof.time'],
    ['no jti', () => ({ jti: undefined }), 'proof.claims'],
    ['a jti of 65 characters', () => ({ jti: 'j'.repeat(65) }), 'proof.claims'],
    ['no ath', () => ({ ath: undefined }), 'proof.claims'],
    ['no htm', () => ({ htm: '' }), 'proof.claims'],
    ['a textual iat', () => ({ iat: '1' }), 'proof.claims'],
  ])('%s', async (_what, change, reason) => {
    expect(await check(forged(change()))).toBe(reason);
  });

  test.each<[string, () => Json, string]>([
    ['typ JWT', () => ({ typ: 'JWT' }), 'proof.typ'],
    ['alg none', () => ({ alg: 'none' }), 'proof.alg'],
    ['alg HS256', () => ({ alg: 'HS256' }), 'proof.alg'],
    ['a kid', () => ({ kid: 'k' }), 'proof.header'],
    ['no key', () => ({ jwk: undefined }), 'proof.header'],
    ['a private key', () => ({ jwk: JSON.parse(key.export()) }), 'proof.key'],
    ['a key of another curve', () => ({ jwk: { ...JSON.parse(key.publicJwk), crv: 'P-384' } }), 'proof.key'],
    ['a symmetric key', () => ({ jwk: { kty: 'oct', k: 'AA' } }), 'proof.key'],
    ['a point off the curve', () => ({ jwk: { ...JSON.parse(key.publicJwk), x: 'AAAA' } }), 'proof.key'],
  ])('%s', async (_what, change, reason) => {
    expect(await check(forged({}, change()))).toBe(reason);
  });

  test('a signature of another key under this one', async () => {
    expect(await check(forged({}, {}, await ProofKey.generate()))).toBe('proof.signature');
  });

  test.each(['', 'x', 'a.b', `${encode('{}')}.${encode('[]')}.AA`])('%j', async (proof) => {
    expect(await check(proof)).toMatch(/^proof\.(encoding|typ)$/);
  });

  test('what it could not remember', async () => {
    const full = new ProofChecker(clock, new ReplayGuard({ clock, windowMs: 66_000, capacity: 2 }));
    const next = () => reasonOf(full.check(key.prove(target, token, clock.now()), { target, token, jkt: key.jkt }));
    expect([await next(), await next(), await next()]).toEqual([undefined, undefined, 'proof.memory_full']);
    clock.advance(66_000);
    expect(await next()).toBeUndefined();
  });
});
