import { afterEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { KeepWorkloads } from './keep-workloads.ts';
import type { LiveWorkload } from './live-workload.ts';
import { ReclaimWorkload } from './reclaim-workload.ts';

afterEach(() => void jest.useRealTimers());

/** The clocks over parts that stand still but for those given. */
function keeper(parts: Readonly<Record<'backend' | 'book', object> & { renewal?: object; reclaim?: object }>) {
  const still = { saveUnsaved: () => Promise.resolve() } as never;
  const log = { error: () => undefined, warn: () => undefined } as never;
  const { backend, book, renewal = {}, reclaim = {} } = parts;
  return new KeepWorkloads(
    book as never,
    still,
    renewal as never,
    reclaim as never,
    still,
    still,
    still,
    systemClock,
    log,
    backend as never,
    0,
  );
}

test('what a failed start left at the substrate is cleared before it is reclaimed, as soon as the substrate answers', async () => {
  jest.useFakeTimers();
  const record = { id: 'dsp_1', state: 'stopped', handle: undefined, unsent: [], since: 0 };
  const told: string[] = [];
  let away = true;
  const backend = {
    onOverDisk: () => undefined,
    list: () => Promise.resolve([]),
    reap: async ({ id }: { id: string }) => {
      told.push(`reap ${id}`);
      if (away) throw new Error('the engine does not answer');
    },
  };
  const book = {
    allLive: () => [],
    all: () => [record],
    get: () => record,
    live: () => undefined,
    dismiss: () => undefined,
  };
  const reclaimed = Promise.withResolvers<void>();
  const journal = { directoryOf: () => '/nowhere' };
  const transitions = {
    move: async ({ id }: { id: string }, move: string) => {
      told.push(`${move} ${id}`);
      record.state = 'destroyed';
      record.since = systemClock.now();
      reclaimed.resolve();
    },
  };
  const reclaim = new ReclaimWorkload(book as never, journal as never, transitions as never, backend as never);
  const keep = keeper({ backend, book, reclaim });
  keep.start();
  await jest.advanceTimersByTimeAsync(5_000);
  expect(told).toEqual(['reap dsp_1']);
  away = false;
  await jest.advanceTimersByTimeAsync(5_000);
  await reclaimed.promise;
  await jest.advanceTimersByTimeAsync(5_000);
  expect(told).toEqual(['reap dsp_1', 'reap dsp_1', 'reclaim dsp_1']);
  keep.stop();
});

test('every live workload is looked at for its revocation at least once a second', () => {
  jest.useFakeTimers();
  const live = { record: { state: 'running' }, expired: () => undefined } as unknown as LiveWorkload;
  let looks = 0;
  const renewal = { checkRevoked: () => Promise.resolve(void (looks += 1)), renewIfDue: () => Promise.resolve() };
  const backend = { onOverDisk: () => undefined, list: () => Promise.resolve([]) };
  const book = { allLive: () => [live], all: () => [] };
  const keep = keeper({ backend, book, renewal });
  keep.start();
  for (let second = 1; second <= 3; second += 1) {
    jest.advanceTimersByTime(1_000);
    expect(looks).toBeGreaterThanOrEqual(second);
  }
  keep.stop();
});
