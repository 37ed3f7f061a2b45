import { afterEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import type { Verifier } from '@sallyport/trust/verifier';
import type { Tunnel } from './tunnel.ts';
import { Tunnels } from './tunnels.ts';

afterEach(() => void jest.useRealTimers());

test('an open tunnel is cut within a second of its revocation being known here', () => {
  jest.useFakeTimers();
  let revoked = false;
  const verifier = {
    checkRevoked: () => {
      if (revoked) throw new Error('token.revoked');
    },
  } as unknown as Verifier;
  const cut: string[] = [];
  const tunnel = { claims: { exp: Number.MAX_SAFE_INTEGER }, isRetired: false, abort: () => void cut.push('cut') };
  const tunnels = new Tunnels(verifier, systemClock);
  tunnels.onModuleInit();
  tunnels.add(tunnel as unknown as Tunnel);
  jest.advanceTimersByTime(5_000);
  expect(cut).toEqual([]);
  revoked = true;
  jest.advanceTimersByTime(1_000);
  expect(cut).not.toEqual([]);
  tunnels.onModuleDestroy();
});
