import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Badge, EgressWorld } from './egress-world.ts';

let world: EgressWorld;

beforeAll(async () => {
  world = await EgressWorld.start();
});
afterAll(() => world.close());
beforeEach(() => world.reset());

const model = 'model.sallyport.internal:80';

type Make = (badge: Badge) => Promise<Record<string, string>> | Record<string, string>;

const flipped = (token: string): string => {
  const at = token.lastIndexOf('.') + 10;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
};

const refusals: [string, string, Make][] = [
  ['no token', 'token.missing', () => ({})],
  ['rubbish', 'token.encoding', () => ({ 'Sally-Dispatch': 'x' })],
  [
    'a forged signature',
    'token.signature',
    (badge) => ({ 'Sally-Dispatch': flipped(badge.token), DPoP: world.prove(badge) }),
  ],
  ['a session token', 'token.typ', async () => ({ 'Sally-Dispatch': await world.issuer.session('egress') })],
  ['no proof', 'proof.missing', ({ token }) => ({ 'Sally-Dispatch': token })],
  [
    'a proof for a bus call',
    'proof.target',
    (badge) => ({
      'Sally-Dispatch': badge.token,
      DPoP: world.prove(badge, { method: 'Resolve', uri: 'bus:egress.v1.EgressService/Resolve' }),
    }),
  ],
  [
    'the proof of another dispatch',
    'proof.key',
    async (badge) => {
      const other = await world.dispatch({ txn: 'run_other' });
      return {
        'Sally-Dispatch': badge.token,
        DPoP: other.key.prove({ method: 'CONNECT', uri: 'egress:connect' }, badge.token, Date.now()),
      };
    },
  ],
  [
    'a proof made for another token',
    'proof.token',
    async (badge) => {
      const other = await world.dispatch();
      const proof = badge.key.prove({ method: 'CONNECT', uri: 'egress:connect' }, other.token, Date.now());
      return { 'Sally-Dispatch': badge.token, DPoP: proof };
    },
  ],
  [
    'an old proof',
    'proof.time',
    ({ token, key }) => ({
      'Sally-Dispatch': token,
      DPoP: key.prove({ method: 'CONNECT', uri: 'egress:connect' }, token, Date.now() - 120_000),
    }),
  ],
];

describe('a connection with', () => {
  test.each(refusals)('%s is refused with %s, recorded and closed', async (_name, reason, make) => {
    const opened = await world.open(model, await make(await world.dispatch()));
    expect(opened.status).toBe(407);
    expect(opened.head).toContain('Sally-Deny-Reason: run_not_active');
    expect(JSON.parse((await opened.rest()).toString())).toMatchObject({ code: 'unauthenticated', reason });
    expect(world.audited).toMatchObject([{ kind: 'egress.deny', reason }]);
    expect(world.connections).toBe(0);
  });

  test('a replayed proof is refused although its first use was good', async () => {
    const badge = await world.dispatch();
    const headers = { 'Sally-Dispatch': badge.token, DPoP: world.prove(badge) };
    const first = await world.open(model, headers);
    expect(first.status).toBe(200);
    first.socket.destroy();
    const second = await world.open(model, headers);
    expect(second.status).toBe(407);
    expect(JSON.parse((await second.rest()).toString())).toMatchObject({ reason: 'proof.replay' });
  });

  test('the token of a revoked run is refused as not active and attributed to its org', async () => {
    const badge = await world.dispatch({ txn: 'run_revoked' });
    world.revoke({ kind: 'run', id: 'run_revoked' });
    const opened = await world.open(model, badge);
    expect(opened.status).toBe(403);
    expect(JSON.parse((await opened.rest()).toString())).toMatchObject({ reason: 'token.revoked' });
    expect(world.audited).toMatchObject([
      { org: 'acme', environment: 'main', run: 'run_revoked', reason: 'token.revoked' },
    ]);
  });

  test('a forged token is not attributed to the org it names', async () => {
    const badge = await world.dispatch();
    const opened = await world.open(model, { 'Sally-Dispatch': flipped(badge.token), DPoP: world.prove(badge) });
    await opened.rest();
    expect(world.audited).toMatchObject([{ org: 'deployment', run: '' }]);
  });
});

test('the socket belongs to its owner alone', async () => {
  expect((await stat(world.socketPath)).mode & 0o777).toBe(0o600);
});

test('anything but CONNECT is refused', async () => {
  const call = request({ socketPath: world.socketPath, path: '/', method: 'GET' });
  const status = await new Promise((resolve, reject) => {
    call
      .on('response', (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(405);
});
