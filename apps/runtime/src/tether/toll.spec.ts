import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { Toll } from './toll.ts';

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;

let waits: number[];
let toll: Toll;

beforeEach(() => {
  waits = [];
  toll = new Toll({
    clock: new FakeClock(),
    sleep: async (ms) => {
      waits.push(ms);
    },
  });
});

const calls = async (count: number, body = '', answer = ''): Promise<void> => {
  const call = toll.on(async () => answer);
  for (let made = 0; made < count; made += 1) await call(body, signal);
};

describe('the toll of a workload', () => {
  test('lets a second’s worth of calls through at once, and makes more of them wait', async () => {
    await calls(1024);
    expect(waits).toEqual([]);
    await calls(1024);
    expect(waits.at(-1)).toBeCloseTo(1000, 0);
  });

  test('is paid for what a call says', async () => {
    await calls(32, 'x'.repeat(mebibyte));
    expect(waits.at(-1)).toBeCloseTo(1000, 0);
  });

  test('is paid for what a call is answered', async () => {
    await calls(16, '', 'x'.repeat(mebibyte));
    await calls(1);
    expect(waits.at(-1)).toBeGreaterThan(15);
  });

  test('is paid for each event, however small', async () => {
    for (let batch = 0; batch < 32; batch += 1) await toll.events(256, signal);
    expect(waits.at(-1)).toBeCloseTo(1000, 0);
  });
});
