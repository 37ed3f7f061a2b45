import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { Flow } from './flow.ts';

describe('Flow', () => {
  test('lets a burst through, then makes the sender wait for what it sends', () => {
    const clock = new FakeClock();
    const flow = new Flow({ bytesPerSecond: 1000, burstBytes: 500, clock });
    expect(flow.take(500)).toBe(0);
    expect(flow.take(1000)).toBe(1000);
    clock.advance(1000);
    expect(flow.take(100)).toBe(100);
  });

  test('never saves up more than its burst', () => {
    const clock = new FakeClock();
    const flow = new Flow({ bytesPerSecond: 1000, burstBytes: 500, clock });
    clock.advance(60_000);
    expect(flow.take(600)).toBe(100);
  });
});
