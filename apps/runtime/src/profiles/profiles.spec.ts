import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { LimitsSchema } from '@sallyport/contracts/unit/v1/unit';
import { profiles, resolveLimits } from './profiles.ts';

const small = profiles.get('small');
if (small === undefined) throw new Error('no small profile');

describe('resolveLimits', () => {
  test('gives the usual values to a unit that asks for none', () => {
    const usual = Object.fromEntries(Object.entries(small.limits).map(([name, range]) => [name, range.usual]));
    expect(resolveLimits(small, undefined)).toEqual(usual);
    expect(resolveLimits(small, create(LimitsSchema))).toEqual(usual);
  });

  test('takes a wish between nothing and the most, exactly', () => {
    const wish = create(LimitsSchema, {
      memoryBytes: 512n * 1024n * 1024n,
      pids: 1,
      lifetimeSeconds: 3600,
      idleSeconds: -1,
    });
    expect(resolveLimits(small, wish)).toMatchObject({
      memoryBytes: 512 * 1024 ** 2,
      pids: 1,
      lifetimeSeconds: 3600,
      idleSeconds: -1,
    });
  });

  test.each([
    { memoryBytes: 2n ** 62n },
    { memoryBytes: -1n },
    { pids: 129 },
    { cpuMillis: -5 },
    { diskBytes: 2n ** 31n },
    { outputBytes: 2n ** 40n },
    { idleSeconds: -2 },
    { lifetimeSeconds: 3601 },
  ])('refuses %p', (wish) => {
    expect(() => resolveLimits(small, create(LimitsSchema, wish))).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason: 'runtime.limit_refused' }),
    );
  });

  test('every profile keeps its usual values within its most', () => {
    for (const { limits } of profiles.values()) {
      for (const { usual, most } of Object.values(limits)) expect(usual).toBeLessThanOrEqual(most);
    }
  });
});
