import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { SenderLimit } from './sender-limit.ts';

const admitted = (limit: SenderLimit, address: string | ((count: number) => string), tries: number): number =>
  Array.from({ length: tries }, (_, count) =>
    limit.admit(typeof address === 'string' ? address : address(count)),
  ).filter(Boolean).length;

const stranger = (count: number): string => `198.51.${count >> 8}.${count & 255}`;

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
    expect(admitted(limit, stranger, 5_000)).toBe(500);
  });

  test('gets the room of all back for a good signature', () => {
    const limit = new SenderLimit(new FakeClock());
    for (let count = 0; count < 5_000; count += 1) {
      expect(limit.admit(stranger(count))).toBe(true);
      limit.verified(stranger(count));
    }
    expect(admitted(limit, (count) => stranger(5_000 + count), 5_000)).toBe(500);
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

describe('an address that signed well', () => {
  const proven = '192.0.2.1';
  const provenLimit = (clock: FakeClock): SenderLimit => {
    const limit = new SenderLimit(clock);
    limit.admit(proven);
    limit.verified(proven);
    clock.advance(1_000);
    return limit;
  };

  test('has room that no crowd of strangers takes, however long they go on', () => {
    const clock = new FakeClock();
    const limit = provenLimit(clock);
    for (let second = 0; second < 10; second += 1) {
      admitted(limit, stranger, 20_000);
      expect(admitted(limit, proven, 20)).toBe(20);
      clock.advance(1_000);
    }
  });

  test('has none of it for a minute after a request that was not signed well, were good ones beside it', () => {
    const clock = new FakeClock();
    const limit = provenLimit(clock);
    limit.unverified(proven);
    limit.verified(proven);
    const crowded = (): number => {
      admitted(limit, stranger, 5_000);
      return admitted(limit, proven, 1);
    };
    expect(crowded()).toBe(0);
    clock.advance(59_000);
    expect(crowded()).toBe(0);
    clock.advance(1_000);
    expect(crowded()).toBe(1);
  });

  test('has none of it a day later, or once ten thousand others signed well after it', () => {
    const clock = new FakeClock();
    const late = provenLimit(clock);
    clock.advance(24 * 60 * 60 * 1000);
    admitted(late, stranger, 5_000);
    expect(admitted(late, proven, 1)).toBe(0);
    const full = provenLimit(clock);
    for (let count = 0; count < 10_000; count += 1) full.verified(stranger(count));
    admitted(full, (count) => `203.${count >> 8}.${count & 255}.1`, 5_000);
    expect(admitted(full, proven, 1)).toBe(0);
  });
});
