import { describe, expect, test } from '@jest/globals';
import { Emitter } from './emitter.ts';

const text = (length: number) => ({ raw: { text: 'x'.repeat(length) } });

/** A wire whose answers the test gives. */
function aWire() {
  const calls: {
    readonly first: number;
    readonly count: number;
    readonly answer: (last: number) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const send = (first: number, events: readonly string[]): Promise<number> =>
    new Promise((answer, fail) => calls.push({ first, count: events.length, answer, fail }));
  return { calls, emitter: new Emitter(send) };
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await tick();
  return settled;
};

describe('the emitter', () => {
  test('sends what one tick brings together, and the rest while that is under way in the next', async () => {
    const { calls, emitter } = aWire();
    await Promise.all([emitter.emit(text(1)), emitter.emit(text(1))]);
    await tick();
    await Promise.all([emitter.emit(text(1)), emitter.emit(text(1)), emitter.emit(text(1))]);
    calls[0]?.answer(2);
    await tick();
    expect(calls).toMatchObject([
      { first: 1, count: 2 },
      { first: 3, count: 3 },
    ]);
  });

  test('sends again what was not taken', async () => {
    const { calls, emitter } = aWire();
    await Promise.all([1, 2, 3].map(() => emitter.emit(text(1))));
    await tick();
    calls[0]?.answer(1);
    await tick();
    expect(calls[1]).toMatchObject({ first: 2, count: 2 });
  });

  test('keeps its sender waiting once 4 MiB are on their way', async () => {
    const { calls, emitter } = aWire();
    const emits = Array.from({ length: 5 }, () => emitter.emit(text(1024 * 1024)));
    expect(await Promise.all(emits.map(isSettled))).toEqual([true, true, true, false, false]);
    calls[0]?.answer(1);
    await tick();
    calls[1]?.answer(2);
    expect(await isSettled(Promise.all(emits))).toBe(true);
  });

  test('is flushed when everything was taken', async () => {
    const { calls, emitter } = aWire();
    await emitter.emit(text(1));
    const flushed = emitter.flush();
    expect(await isSettled(flushed)).toBe(false);
    calls[0]?.answer(1);
    await flushed;
  });

  test('fails for good when the wire does', async () => {
    const { calls, emitter } = aWire();
    await emitter.emit(text(1));
    const flushed = emitter.flush();
    await tick();
    calls[0]?.fail(new Error('refused'));
    await expect(flushed).rejects.toThrow('refused');
    await expect(emitter.emit(text(1))).rejects.toThrow('refused');
  });
});
