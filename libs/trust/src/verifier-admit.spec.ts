import { beforeAll, describe, expect, test } from '@jest/globals';
import type { AccessRow } from '@sallyport/core/access';
import { Chain, reasonOf } from '../test/chain.ts';
import { ProofKey } from './proof.ts';
import type { Verifier } from './verifier.ts';

let chain: Chain;
let verifier: Verifier;

beforeAll(async () => {
  chain = await Chain.create();
  verifier = await chain.verifier('runtime', { cacheSize: 0 });
});

describe('a verdict that is remembered', () => {
  test('still ends with time, revocation and key', async () => {
    const own = await Chain.create();
    const { keys, epochs } = await own.rings();
    const warm = await own.verifier('runtime', { keys, epochs });
    const first = own.token('session');
    await warm.verify(first, 'session');
    own.clock.advance(1_000);
    await epochs.refresh();
    epochs.take({ kind: 'key', id: 'key_1', version: 1n, issuedBefore: own.clock.now() });
    expect(await reasonOf(warm.verify(first, 'session'))).toBe('token.revoked');

    const second = own.token('dispatch');
    await warm.verify(second, 'dispatch');
    own.published = own.published.filter((key) => key.class !== 'dispatch');
    await keys.refresh();
    expect(await reasonOf(warm.verify(second, 'dispatch'))).toBe('token.kid');

    const third = own.token('intent');
    await warm.verify(third, 'intent');
    for (let seconds = 0; seconds < 66; seconds += 6) {
      own.clock.advance(6_000);
      await epochs.refresh();
    }
    expect(await reasonOf(warm.verify(third, 'intent'))).toBe('token.lifetime');
  });

  test('is not carried to another class', async () => {
    const own = await Chain.create();
    const warm = await own.verifier('runtime');
    const token = own.token('session');
    await warm.verify(token, 'session');
    expect(await reasonOf(warm.verify(token, 'dispatch'))).toBe('token.typ');
  });
});

describe('the access row', () => {
  const target = { method: 'CreateRun', uri: 'bus:schedule.v1.ScheduleService/CreateRun' };
  const session: AccessRow = { callers: ['api'], token: 'session', scope: 'run:create' };
  const dispatch: AccessRow = { callers: ['runtime'], token: 'dispatch' };
  const either: AccessRow = { callers: ['api', 'runtime'], token: 'session_or_dispatch', scope: 'run:create' };
  const none = { token: undefined, proof: undefined };

  test('asks for nothing where the row does not', async () => {
    await expect(verifier.admit({ callers: ['api'], token: 'none' }, none, target)).resolves.toBeUndefined();
  });

  test.each([session, dispatch, either, { callers: ['runtime'], token: 'intent' } as const])(
    'asks for a token of row $token',
    async (row) => {
      expect(await reasonOf(verifier.admit(row, none, target))).toBe('token.missing');
      expect(await reasonOf(verifier.admit(row, { token: '', proof: '' }, target))).toBe('token.missing');
    },
  );

  test('asks a session for its scope, and takes the star', async () => {
    const reader = { token: chain.token('session', { scope: ['run:read'] }), proof: undefined };
    await expect(verifier.admit(session, reader, target)).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'token.scope',
      detail: { required: 'run:create', granted: 'run:read' },
    });
    const star = { token: chain.token('session', { scope: ['*'] }), proof: undefined };
    await expect(verifier.admit(session, star, target)).resolves.toMatchObject({ class: 'session' });
  });

  test('asks a dispatch token for its proof, wherever it is taken', async () => {
    const key = await ProofKey.generate();
    const token = chain.dispatchToken(key.jkt);
    for (const row of [dispatch, either]) {
      expect(await reasonOf(verifier.admit(row, { token, proof: undefined }, target))).toBe('proof.missing');
      const proof = key.prove(target, token, chain.clock.now());
      await expect(verifier.admit(row, { token, proof }, target)).resolves.toMatchObject({ class: 'dispatch' });
    }
  });

  test('takes a session, and nothing of a foreign class, where either is taken', async () => {
    await expect(
      verifier.admit(either, { token: chain.token('session'), proof: undefined }, target),
    ).resolves.toMatchObject({ class: 'session' });
    for (const token of [chain.token('intent'), 'junk', chain.token('session', {}, { typ: 'JWT' })]) {
      expect(await reasonOf(verifier.admit(either, { token, proof: undefined }, target))).toMatch(
        /^token\.(typ|encoding)$/,
      );
    }
  });
});
