import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { tokenClasses } from '@sallyport/core/access';
import { jwtVerify } from 'jose';
import { Chain, encode, forge, type Json, reasonOf } from '../test/chain.ts';
import { ProofKey } from './proof.ts';
import { generateSigningKey, Signer } from './signer.ts';
import { tokenClassTable } from './token-class.ts';
import type { Verifier } from './verifier.ts';

let chain: Chain;
let verifier: Verifier;

beforeAll(async () => {
  chain = await Chain.create();
  verifier = await chain.verifier('runtime', { cacheSize: 0 });
});

const drop = (object: Json, name: string): Json =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

describe('a good token', () => {
  test.each(tokenClasses)('of class %s is read as claims of that class', async (tokenClass) => {
    const claims = await verifier.verify(chain.token(tokenClass), tokenClass);
    expect(claims).toMatchObject({ class: tokenClass, sub: 'usr_1', org: 'acme', env: 'main' });
  });

  test('from the signer verifies here and under jose alike', async () => {
    const { kid, privateJwk, publicJwk } = chain.keys.session;
    const signer = await Signer.open('session', kid, privateJwk);
    const { iss: _iss, iat: _iat, exp: _exp, ...claims } = chain.payload('session');
    const minted = await signer.mint(claims as never, chain.clock.now());
    expect(minted.expiresAt).toBe(chain.nowSeconds + 300);
    await expect(verifier.verify(minted.token, 'session')).resolves.toMatchObject({ aud: 'sallyport:runtime' });
    const key = createPublicKey({ key: JSON.parse(publicJwk), format: 'jwk' });
    const options = {
      issuer: 'sallyport:identity',
      audience: 'sallyport:runtime',
      typ: 'session+jwt',
      currentDate: new Date(chain.clock.now()),
    };
    await expect(jwtVerify(minted.token, key, options)).resolves.toMatchObject({ protectedHeader: { kid } });
  });

  test('is not signed for longer than its class may live', async () => {
    const { kid, privateJwk } = chain.keys.intent;
    const signer = await Signer.open('intent', kid, privateJwk);
    await expect(signer.mint(chain.payload('intent') as never, chain.clock.now(), 61)).rejects.toThrow();
  });

  test('drops claims nobody knows and scopes nobody grants', async () => {
    const claims = await verifier.verify(
      chain.token('session', { admin: true, scope: ['run:read', 'world:rule'] }),
      'session',
    );
    expect(claims).not.toHaveProperty('admin');
    expect(claims.scope).toEqual(['run:read']);
  });
});

describe('form', () => {
  const spoil: [string, (token: string) => string][] = [
    ['an appended padding', (token) => `${token}=`],
    ['an appended newline', (token) => `${token}\n`],
    ['a leading space', (token) => ` ${token}`],
    ['a fourth part', (token) => `${token}.AA`],
    ['two parts', (token) => token.split('.').slice(0, 2).join('.')],
    ['an empty header', (token) => `.${token.split('.').slice(1).join('.')}`],
    ['an empty string', () => ''],
    ['a plus of base64', (token) => `+${token}`],
    ['more than 8 KiB', (token) => `${token}${'A'.repeat(8_192)}`],
    ['trailing bits of the signature set', (token) => token.slice(0, -1) + nextLetter(token.at(-1) ?? '')],
  ];

  test.each(spoil)('refuses %s', async (_what, change) => {
    expect(await reasonOf(verifier.verify(change(chain.token('session')), 'session'))).toBe('token.encoding');
  });

  const ambiguous: [string, (payload: string) => string][] = [
    ['two aud', (payload) => payload.replace('{', '{"aud":"sallyport:other",')],
    ['two sub', (payload) => payload.replace('{', '{"sub":"usr_2",')],
    ['two sub, one of them escaped', (payload) => payload.replace('{', '{"\\u0073ub":"usr_2",')],
    ['a repeated member further in', (payload) => payload.replace('{', '{"x":[{"a":1,"a":2}],')],
    ['__proto__', (payload) => payload.replace('{', '{"__proto__":{"a":1},')],
    ['a lone surrogate', (payload) => payload.replace('Ada', '\\ud800')],
    ['text after the end', (payload) => `${payload} x`],
    ['an array', () => '[]'],
    ['null', () => 'null'],
    ['nothing', () => ' '],
    ['NaN', (payload) => payload.replace('{', '{"n":NaN,')],
  ];

  test.each(ambiguous)('refuses a payload with %s', async (_what, change) => {
    const text = change(JSON.stringify(chain.payload('session')));
    const token = forge(chain.header('session'), text, chain.keys.session.privateJwk);
    expect(await reasonOf(verifier.verify(token, 'session'))).toBe('token.json');
  });

  test('refuses bytes that are not UTF-8', async () => {
    const header = encode(chain.header('session'));
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url');
    expect(await reasonOf(verifier.verify(`${header}.${body}.AA`, 'session'))).toBe('token.json');
  });

  test('accepts white space and any order of members', async () => {
    const text = JSON.stringify(chain.payload('session'), null, 2);
    const token = forge(chain.header('session'), text, chain.keys.session.privateJwk);
    expect(await reasonOf(verifier.verify(token, 'session'))).toBeUndefined();
  });
});

describe('header', () => {
  test('refuses alg none, with and without a signature', async () => {
    const header = encode({ ...chain.header('session'), alg: 'none' });
    const payload = encode(chain.payload('session'));
    const { length } = chain.token('session').split('.');
    expect(length).toBe(3);
    for (const signature of ['', 'AAAA']) {
      expect(await reasonOf(verifier.verify(`${header}.${payload}.${signature}`, 'session'))).toBe('token.alg');
    }
  });

  test('refuses HS256 keyed with the public key in any form', async () => {
    const { publicJwk } = chain.keys.session;
    const pem = createPublicKey({ key: JSON.parse(publicJwk), format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    for (const secret of [publicJwk, pem.toString()]) {
      const input = `${encode({ ...chain.header('session'), alg: 'HS256' })}.${encode(chain.payload('session'))}`;
      const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      expect(await reasonOf(verifier.verify(token, 'session'))).toBe('token.alg');
    }
  });

  test.each(['ES384', 'RS256', 'EdDSA', 'es256', ''])('refuses alg %j', async (alg) => {
    expect(await reasonOf(verifier.verify(chain.token('session', {}, { alg }), 'session'))).toBe('token.alg');
  });

  test.each([
    ['jwk', { kty: 'EC' }],
    ['jku', 'http://169.254.169.254/keys'],
    ['x5u', 'http://169.254.169.254/x'],
    ['x5c', ['AA']],
    ['crit', ['exp']],
    ['b64', false],
    ['zip', 'DEF'],
    ['cty', 'JWT'],
  ])('refuses a %s member and fetches nothing', async (name, value) => {
    const before = chain.fetches;
    expect(await reasonOf(verifier.verify(chain.token('session', {}, { [name]: value }), 'session'))).toBe(
      'token.header',
    );
    expect(chain.fetches).toBe(before);
  });

  test.each([
    ['a path', '../../dev/null'],
    ['SQL', "' OR 1=1--"],
    ['65 characters', 'k'.repeat(65)],
    ['nothing', ''],
    ['a number', 7],
    ['null', null],
    ['an unknown id', 'unknown'],
    ['a member of every object', 'constructor'],
  ])('refuses a kid that is %s', async (_what, kid) => {
    expect(await reasonOf(verifier.verify(chain.token('session', {}, { kid }), 'session'))).toBe('token.kid');
  });

  test('refuses a token without a kid', async () => {
    const token = forge(drop(chain.header('session'), 'kid'), chain.payload('session'), chain.keys.session.privateJwk);
    expect(await reasonOf(verifier.verify(token, 'session'))).toBe('token.kid');
  });

  test("does not look a key up in another class's ring", async () => {
    const token = chain.token('session', {}, { kid: chain.keys.dispatch.kid });
    expect(await reasonOf(verifier.verify(token, 'session'))).toBe('token.kid');
  });

  const foreignTyps = [
    'JWT',
    'at+jwt',
    'dpop+jwt',
    'grant+jwt',
    'lease+jwt',
    'wit+jwt',
    'SESSION+JWT',
    'application/session+jwt',
    '',
  ];
  test.each(foreignTyps)('refuses typ %j at every class', async (typ) => {
    for (const tokenClass of tokenClasses) {
      expect(await reasonOf(verifier.verify(chain.token(tokenClass, {}, { typ }), tokenClass))).toBe('token.typ');
    }
  });

  for (const given of tokenClasses) {
    for (const wanted of tokenClasses.filter((each) => each !== given)) {
      test(`refuses a ${given} token where ${wanted} is wanted`, async () => {
        expect(await reasonOf(verifier.verify(chain.token(given), wanted))).toBe('token.typ');
      });
    }
  }

  test('refuses a proof where a token is wanted', async () => {
    const proof = (await ProofKey.generate()).prove({ method: 'M', uri: 'u' }, 'token', chain.clock.now());
    for (const tokenClass of tokenClasses) expect(await reasonOf(verifier.verify(proof, tokenClass))).toBe('token.typ');
  });
});

describe('signature', () => {
  test('refuses a key that is not the named one', async () => {
    const other = await generateSigningKey();
    const token = forge(chain.header('session'), chain.payload('session'), other.privateJwk);
    expect(await reasonOf(verifier.verify(token, 'session'))).toBe('token.signature');
  });

  test('refuses DER, a cut and an all-zero signature', async () => {
    const [header = '', payload = '', signature = ''] = chain.token('session').split('.');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = sign('sha256', Buffer.from(`${header}.${payload}`), privateKey).toString('base64url');
    const cut = Buffer.from(signature, 'base64url').subarray(0, 63).toString('base64url');
    for (const bad of [der, cut, Buffer.alloc(64).toString('base64url'), '']) {
      expect(await reasonOf(verifier.verify(`${header}.${payload}.${bad}`, 'session'))).toBe('token.signature');
    }
  });

  test('refuses a token with any one byte changed', async () => {
    const token = chain.token('dispatch');
    const accepted: number[] = [];
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + nextLetter(token.charAt(at)) + token.slice(at + 1);
      if ((await reasonOf(verifier.verify(changed, 'dispatch'))) === undefined) accepted.push(at);
    }
    expect(accepted).toEqual([]);
  });
});

describe('issuer and audience', () => {
  test.each(['sallyport:other', 'sallyport:identity/', '', undefined, ['sallyport:identity']])(
    'refuses iss %j',
    async (iss) => {
      expect(await reasonOf(verifier.verify(chain.token('session', { iss }), 'session'))).toBe('token.iss');
    },
  );

  test.each([
    ['of another service', 'sallyport:workspace'],
    ['of a dispatch token', 'sallyport'],
    ['in another case', 'Sallyport:runtime'],
    ['as a list', ['sallyport:runtime']],
    ['as a list of two', ['sallyport:runtime', 'sallyport:workspace']],
    ['that is absent', undefined],
  ])('refuses an audience %s', async (_what, aud) => {
    expect(await reasonOf(verifier.verify(chain.token('session', { aud }), 'session'))).toBe('token.aud');
  });

  test('refuses a service audience on a dispatch token', async () => {
    expect(await reasonOf(verifier.verify(chain.token('dispatch', { aud: 'sallyport:runtime' }), 'dispatch'))).toBe(
      'token.aud',
    );
  });

  test('gives a method with an audience of its own that one and no other, warm or cold', async () => {
    const identity = await chain.verifier('identity', { methodAudiences: { AuthorizeLaunch: 'sallyport:scheduler' } });
    const forScheduler = chain.token('session', { aud: 'sallyport:scheduler' });
    const forIdentity = chain.token('session', { aud: 'sallyport:identity' });
    for (const _warmth of ['cold', 'warm']) {
      expect(await reasonOf(identity.verify(forScheduler, 'session', 'AuthorizeLaunch'))).toBeUndefined();
      expect(await reasonOf(identity.verify(forScheduler, 'session', 'RevokeApiKey'))).toBe('token.aud');
      expect(await reasonOf(identity.verify(forIdentity, 'session', 'RevokeApiKey'))).toBeUndefined();
      expect(await reasonOf(identity.verify(forIdentity, 'session', 'AuthorizeLaunch'))).toBe('token.aud');
    }
  });
});

describe('lifetime', () => {
  const at = (change: (now: number) => Json) => change(chain.nowSeconds);
  test.each([
    ['no exp', () => ({ exp: undefined })],
    ['no iat', () => ({ iat: undefined })],
    ['exp in ten years', (now: number) => ({ exp: now + 315_360_000 })],
    ['exp 1e300', () => ({ exp: 1e300 })],
    ['exp as text', (now: number) => ({ exp: String(now + 60) })],
    ['exp with a fraction', (now: number) => ({ exp: now + 60.5 })],
    ['exp before iat', (now: number) => ({ exp: now - 1 })],
    ['negative times', () => ({ iat: -100, exp: -50 })],
    ['one second more than the class may', (now: number) => ({ exp: now + 301 })],
    ['iat in an hour', (now: number) => ({ iat: now + 3_600, exp: now + 3_700 })],
    ['iat in 6 seconds', (now: number) => ({ iat: now + 6, exp: now + 66 })],
    ['nbf in the future', (now: number) => ({ nbf: now + 60 })],
    ['nbf as text', () => ({ nbf: 'now' })],
    ['expired by 6 seconds', (now: number) => ({ iat: now - 66, exp: now - 6 })],
  ])('refuses %s', async (_what, change) => {
    expect(await reasonOf(verifier.verify(chain.token('session', at(change)), 'session'))).toBe('token.lifetime');
  });

  test.each([
    ['iat in 5 seconds', (now: number) => ({ iat: now + 5, exp: now + 65 })],
    ['expired by 4 seconds', (now: number) => ({ iat: now - 64, exp: now - 4 })],
    ['exactly as long as the class may live', (now: number) => ({ exp: now + 300 })],
  ])('accepts %s', async (_what, change) => {
    expect(await reasonOf(verifier.verify(chain.token('session', at(change)), 'session'))).toBeUndefined();
  });
});

describe('claims', () => {
  for (const tokenClass of tokenClasses) {
    test(`refuses a ${tokenClass} token that lacks any one claim`, async () => {
      const before: readonly string[] = ['iss', 'aud', 'iat', 'exp'];
      for (const name of Object.keys(chain.payload(tokenClass)).filter((each) => !before.includes(each))) {
        const token = forge(
          chain.header(tokenClass),
          drop(chain.payload(tokenClass), name),
          chain.keys[tokenClass].privateJwk,
        );
        expect([name, await reasonOf(verifier.verify(token, tokenClass))]).toEqual([name, 'token.claims']);
      }
    });
  }

  const nested = (levels: number): Json =>
    levels === 0 ? { sub: 'a', sub_profile: 'user' } : { sub: 'a', sub_profile: 'user', act: nested(levels - 1) };

  test.each([
    ['a mode nobody knows', { wsp: [{ id: 'demo', mode: 'rwx' }] }],
    ['workspaces that are no list', { wsp: { demo: 'rw' } }],
    ['an actor of no profile', { act: { sub: 'usr_1', sub_profile: 'root' } }],
    ['nine nested actors', { act: nested(8) }],
    ['a fractional epoch', { lease: { edge: 'local', epoch: 1.5 } }],
    ['a negative epoch', { lease: { edge: 'local', epoch: -1 } }],
    ['an empty org', { org: '' }],
    ['a numeric subject', { sub: 7 }],
  ])('refuses %s', async (_what, change) => {
    expect(await reasonOf(verifier.verify(chain.token('intent', change), 'intent'))).toBe('token.claims');
  });
});

/** A letter of the alphabet that differs in its lowest bit only. */
function nextLetter(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const index = alphabet.indexOf(letter);
  return index < 0 ? 'A' : alphabet.charAt(index ^ 1);
}

test('every class has a typ and a lifetime of its own', () => {
  const rows = Object.values(tokenClassTable);
  expect(new Set(rows.map((row) => row.typ)).size).toBe(rows.length);
  expect(rows.map((row) => row.lifetimeSeconds)).toEqual([300, 60, 600]);
});
