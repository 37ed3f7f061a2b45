import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { type EpochKind, type EpochRecord, EpochRing, epochHorizonMs, staleAfterMs } from './epoch-ring.ts';

let clock: FakeClock;
let known: EpochRecord[];
let asked: bigint[];
let ring: EpochRing;

beforeEach(async () => {
  clock = new FakeClock();
  known = [];
  asked = [];
  ring = new EpochRing({
    clock,
    source: async (after) => {
      asked.push(after);
      const epochs = known.filter((epoch) => epoch.version > after);
      return { epochs, version: epochs.at(-1)?.version ?? after };
    },
  });
  await ring.refresh();
});

const epoch = (kind: EpochKind, id: string, version: bigint, issuedBefore = clock.now()): EpochRecord => ({
  kind,
  id,
  version,
  issuedBefore,
});
const issued = (msAgo: number, kind: EpochKind = 'run', id = 'run_1') => ({
  issuedAtSeconds: Math.floor((clock.now() - msAgo) / 1_000),
  subjects: [[kind, id]] as const,
});
const reason = (token: ReturnType<typeof issued>) => {
  try {
    ring.check(token);
    return undefined;
  } catch (error) {
    return (error as { reason: string }).reason;
  }
};

describe('an epoch ring', () => {
  test.each<EpochKind>(['run', 'subject', 'org', 'key', 'kid'])(
    'refuses what was issued before an epoch of kind %s',
    (kind) => {
      ring.take(epoch(kind, 'x', 1n));
      expect(reason(issued(1_000, kind, 'x'))).toBe('token.revoked');
      expect(reason(issued(1_000, kind, 'y'))).toBeUndefined();
      clock.advance(2_000);
      expect(reason(issued(0, kind, 'x'))).toBeUndefined();
    },
  );

  test('refuses a token of the very second of its revocation', () => {
    clock.advance(400);
    const token = issued(0);
    ring.take(epoch('run', 'run_1', 1n));
    expect(reason(token)).toBe('token.revoked');
  });

  test('is never lowered by a late push', () => {
    ring.take(epoch('run', 'run_1', 2n, clock.now()));
    ring.take(epoch('run', 'run_1', 1n, clock.now() - 60_000));
    expect(reason(issued(1_000))).toBe('token.revoked');
  });

  test('asks for what a lost push would have brought, even after a later one arrived', async () => {
    known = [epoch('run', 'run_1', 1n), epoch('run', 'run_2', 2n)];
    ring.take(epoch('run', 'run_2', 2n));
    await ring.refresh();
    expect(asked).toEqual([0n, 0n]);
    expect(reason(issued(1_000))).toBe('token.revoked');
    await ring.refresh();
    expect(asked.at(-1)).toBe(2n);
  });

  test('goes back when its source has, as after a restore', async () => {
    ring = new EpochRing({
      clock,
      source: async (after) => {
        asked.push(after);
        return { epochs: [], version: after === 0n ? 40n : 3n };
      },
    });
    asked = [];
    for (let each = 0; each < 3; each += 1) await ring.refresh();
    expect(asked).toEqual([0n, 40n, 3n]);
  });

  test('accepts nothing when it was not heard from for too long, and pushes do not count as hearing', () => {
    clock.advance(staleAfterMs);
    expect(reason(issued(0))).toBeUndefined();
    ring.take(epoch('run', 'other', 1n));
    clock.advance(1);
    expect(reason(issued(0))).toBe('token.revocation_stale');
  });

  test('accepts again once it was refreshed', async () => {
    clock.advance(staleAfterMs + 1);
    await ring.refresh();
    expect(reason(issued(0))).toBeUndefined();
  });

  test('accepts nothing before its first refresh', () => {
    const fresh = new EpochRing({ clock, source: async () => ({ epochs: [], version: 0n }) });
    expect(() => fresh.check(issued(0))).toThrow(
      expect.objectContaining({ code: 'unavailable', reason: 'token.revocation_stale' }),
    );
  });

  test('forgets epochs that no live token can be covered by', () => {
    for (let each = 0; each < 1_000; each += 1) {
      ring.take(epoch('run', `run_${each}`, BigInt(each)));
      clock.advance(epochHorizonMs / 100);
    }
    expect(ring.size).toBeLessThan(512);
  });
});
