import { describe, expect, test } from '@jest/globals';
import { Backoff } from './backoff.ts';

describe('Backoff', () => {
  test('doubles up to its bound, within a quarter of jitter', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 350 });
    for (const middle of [100, 200, 350, 350]) {
      const ms = backoff.nextMs();
      expect(ms).toBeGreaterThanOrEqual(middle * 0.75);
      expect(ms).toBeLessThanOrEqual(middle * 1.25);
    }
  });

  test('stops waiting at the signal', async () => {
    const backoff = new Backoff({ firstMs: 60_000, maxMs: 60_000 });
    const stop = new AbortController();
    const waiting = backoff.wait(stop.signal);
    stop.abort();
    await expect(waiting).resolves.toBeUndefined();
  });
});
