import { afterEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { KeepWorkloads } from './keep-workloads.ts';
import type { LiveWorkload } from './live-workload.ts';

afterEach(() => void jest.useRealTimers());

test('every live workload is looked at for its revocation at least once a second', () => {
  jest.useFakeTimers();
  const live = { record: { state: 'running' }, expired: () => undefined } as unknown as LiveWorkload;
  let looks = 0;
  const renewal = { checkRevoked: () => Promise.resolve(void (looks += 1)), renewIfDue: () => Promise.resolve() };
  const backend = { onOverDisk: () => undefined, list: () => Promise.resolve([]) };
  const book = { allLive: () => [live], all: () => [] };
  const unused = {} as never;
  const log = { error: () => undefined } as never;
  const keep = new KeepWorkloads(
    book as never,
    unused,
    renewal as never,
    unused,
    unused,
    unused,
    unused,
    systemClock,
    log,
    backend as never,
    0,
  );
  keep.start();
  for (let second = 1; second <= 3; second += 1) {
    jest.advanceTimersByTime(1_000);
    expect(looks).toBeGreaterThanOrEqual(second);
  }
  keep.stop();
});
