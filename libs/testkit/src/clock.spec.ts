import { expect, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { AheadClock, FakeClock } from './clock.ts';

test('a fake clock stands still until it is told, and moves both hands', () => {
  const clock = new FakeClock();
  const [wall, monotonic] = [clock.now(), clock.monotonic()];
  clock.advance(1_500);
  expect([clock.now() - wall, clock.monotonic() - monotonic]).toEqual([1_500, 1_500]);
});

test('a clock that is ahead goes on by itself and keeps what it was told', () => {
  const clock = new AheadClock();
  clock.advance(60_000);
  const before = systemClock.monotonic();
  const seen = clock.monotonic();
  expect(seen).toBeGreaterThanOrEqual(before + 60_000);
  expect(seen).toBeLessThanOrEqual(systemClock.monotonic() + 60_000);
});
