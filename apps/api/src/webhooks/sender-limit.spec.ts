import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { SenderLimit } from './sender-limit.ts';

const admitted = (limit: SenderLimit, address: string | ((count: number) => string), tries: number): number =>
  Array.from({ length: tries }, (_, count) =>
    limit.admit(typeof address === 'string' ? address : address(count)),
  ).filter(Boolean).length;

describe('a sender without a key', () => {
  test('is bounded by its address, others are not bounded with it, and gets room as time passes', () => {
    const clock = new FakeClock();
    const limit = new SenderLimit(clock);
    expect(admitted(limit, '192.0.2.1', 500)).toBe(100);
    expect(admitted(limit, '192.0.2.2', 50)).toBe(50);
    clock.advance(1_000);
    expect(admitted(limit, '192.0.2.1', 500)).toBe(20);
  });

  test('is bounded with all others together', () => {
    const limit = new SenderLimit(new FakeClock());
    expect(admitted(limit, (count) => `198.51.${count >> 8}.${count & 255}`, 5_000)).toBe(1_000);
  });

  test.each([
    ['2001:db8:1:2::', '2001:db8:1:2:ffff::9', 100],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1', 100],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', 200],
    ['::1', '::2', 100],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', 200],
  ])('%s and %s are admitted %i times together', (one, other, most) => {
    const limit = new SenderLimit(new FakeClock());
    expect(admitted(limit, one, 150) + admitted(limit, other, 150)).toBe(most);
  });
});
