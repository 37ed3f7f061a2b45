import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { LiveTail } from './live-tail.ts';

const anEvent = (seq: number, text = 'x'): UnitEvent =>
  create(UnitEventSchema, { id: `evt_${seq}`, seq: BigInt(seq), body: { case: 'raw', value: { text } } });

const numbers = (tail: LiveTail, cursor: number): number[] =>
  tail.take(BigInt(cursor)).events.map(({ seq }) => Number(seq));

describe('the live tail', () => {
  test('gives out what continues the cursor, in order, once its numbering is known', () => {
    const tail = new LiveTail();
    tail.learn([], 0n);
    for (const seq of [2, 1, 3, 5]) tail.push(anEvent(seq));
    expect(numbers(tail, 0)).toEqual([1, 2, 3]);
    expect(tail.isAhead(3n)).toBe(true);
  });

  test('gives out nothing before it has met history, but knows that there is something', () => {
    const tail = new LiveTail();
    tail.push(anEvent(1));
    expect(numbers(tail, 7)).toEqual([]);
    expect(tail.isAhead(7n)).toBe(true);
  });

  test('numbers a later attempt as history does', () => {
    const tail = new LiveTail();
    tail.push(anEvent(1));
    tail.learn([{ ...anEvent(8), id: 'evt_1' }], 7n);
    tail.push(anEvent(2));
    expect(numbers(tail, 8)).toEqual([9]);
    expect(tail.isAhead(9n)).toBe(false);
  });

  test.each([
    ['events', 600, 'x'],
    ['bytes', 20, 'x'.repeat(60_000)],
  ])('drops everything beyond its bound of %s and says so once', (_, count, text) => {
    const tail = new LiveTail();
    tail.learn([], 0n);
    for (let seq = 1; seq <= count; seq += 1) tail.push(anEvent(seq, text));
    expect(tail.take(0n)).toMatchObject({ events: [], overflowed: true });
    tail.push(anEvent(count + 1));
    expect(tail.take(BigInt(count))).toMatchObject({ events: [{ seq: BigInt(count + 1) }], overflowed: false });
  });

  test('forgets the numbering of an attempt with the attempt', () => {
    const tail = new LiveTail();
    tail.learn([], 0n);
    tail.reset();
    tail.push(anEvent(1));
    expect(numbers(tail, 0)).toEqual([]);
  });
});
