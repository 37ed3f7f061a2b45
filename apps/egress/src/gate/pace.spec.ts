import { describe, expect, test } from '@jest/globals';
import type { DispatchClaims } from '@sallyport/core/claims';
import { FakeClock } from '@sallyport/testkit/clock';
import { parseTarget } from '../hosts/host.ts';
import { burst, laneOf, Pace, perSecond } from './pace.ts';

const drain = (pace: Pace, dispatch: string, asks: number): number =>
  Array.from({ length: asks }, () => pace.take(dispatch)).at(-1) ?? 0;

describe('a dispatch', () => {
  test('is answered at once up to its burst, then as often as its budget refills', () => {
    const clock = new FakeClock();
    const pace = new Pace(clock);
    expect(drain(pace, 'dsp_1', burst)).toBe(0);
    expect(pace.take('dsp_1')).toBeCloseTo(1_000 / perSecond);
    clock.advance(2_000);
    expect(drain(pace, 'dsp_1', 2 * perSecond - 1)).toBe(0);
    expect(pace.take('dsp_1')).toBeGreaterThan(0);
  });

  test('waits for nobody else', () => {
    const pace = new Pace(new FakeClock());
    expect(drain(pace, 'dsp_1', 10 * burst)).toBeGreaterThan(0);
    expect(pace.take('dsp_2')).toBe(0);
  });

  test('never saves up more than its burst', () => {
    const clock = new FakeClock();
    const pace = new Pace(clock);
    pace.take('dsp_1');
    clock.advance(3_600_000);
    expect(drain(pace, 'dsp_1', burst)).toBe(0);
    expect(pace.take('dsp_1')).toBeGreaterThan(0);
  });

  test('does not wait with its model for what its agent calls by itself', () => {
    const claims = { tctx: { dsp: { id: 'dsp_1' } } } as DispatchClaims;
    const lanes = ['github.com:443', 'model.sallyport.internal:80', 'exfil.example.com:443', '%'].map((text) =>
      laneOf(claims, parseTarget(text)),
    );
    expect(lanes).toEqual(['dsp_1/noise', 'dsp_1', 'dsp_1', 'dsp_1']);
  });
});
