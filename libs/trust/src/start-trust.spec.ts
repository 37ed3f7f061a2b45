import { afterEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { Chain, reasonOf } from '../test/chain.ts';
import type { EpochRecord } from './epoch-ring.ts';
import { startTrust } from './start-trust.ts';
import { chainIssuer } from './token-class.ts';

afterEach(() => void jest.useRealTimers());

test('asks for revocations at least once a second, whatever is pushed', async () => {
  jest.useFakeTimers();
  let asked = 0;
  const trust = await startTrust({
    audience: 'runtime',
    clock: systemClock,
    fetchKeys: async () => ({ issuer: chainIssuer, keys: [] }),
    fetchEpochs: async () => {
      asked += 1;
      return { epochs: [], version: 0n };
    },
    onEpochPush: () => () => undefined,
  });
  for (let second = 1; second <= 3; second += 1) {
    await jest.advanceTimersByTimeAsync(1_000);
    expect(asked).toBeGreaterThan(second);
  }
  trust.stop();
});

test('waits for identity, hears pushes from the first moment and stops listening', async () => {
  const chain = await Chain.create();
  let refusals = 2;
  let push: ((epoch: EpochRecord) => void) | undefined;
  let listening = true;
  const failures: string[] = [];
  const trust = await startTrust({
    audience: 'runtime',
    clock: chain.clock,
    fetchKeys: async () => {
      if (refusals-- > 0) throw new Error('not yet');
      return { issuer: chainIssuer, keys: chain.published };
    },
    fetchEpochs: async () => ({ epochs: [], version: 0n }),
    onEpochPush: (listener) => {
      push = listener;
      return () => {
        listening = false;
      };
    },
    onFailure: (what) => failures.push(what),
  });
  expect(failures).toEqual(['keys', 'keys']);
  const token = chain.token('dispatch');
  const claims = await trust.verifier.verify(token, 'dispatch');
  trust.verifier.checkRevoked(claims);
  push?.({ kind: 'run', id: 'run_1', version: 1n, issuedBefore: chain.clock.now() });
  expect(await reasonOf(trust.verifier.verify(token, 'dispatch'))).toBe('token.revoked');
  expect(() => trust.verifier.checkRevoked(claims)).toThrow(expect.objectContaining({ reason: 'token.revoked' }));
  trust.stop();
  expect(listening).toBe(false);
});

test('gives up when it is told to', async () => {
  const abort = new AbortController();
  const starting = startTrust({
    audience: 'runtime',
    clock: systemClock,
    fetchKeys: () => Promise.reject(new Error('never')),
    fetchEpochs: () => Promise.reject(new Error('never')),
    onEpochPush: () => () => undefined,
    onFailure: () => abort.abort(new Error('enough')),
    signal: abort.signal,
  });
  await expect(starting).rejects.toThrow('enough');
});
