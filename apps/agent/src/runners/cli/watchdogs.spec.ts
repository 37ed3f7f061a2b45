import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Watchdogs } from './watchdogs.ts';

let dogs: Watchdogs;
let ends: number;

beforeEach(() => {
  jest.useFakeTimers();
  ends = 0;
  dogs = new Watchdogs({ stallMillis: 400, lingerMillis: 50 }, () => {
    ends += 1;
  });
});

afterEach(() => {
  dogs.stop();
  jest.useRealTimers();
});

test('a program that waits for its model is ended after a silence, once', () => {
  jest.advanceTimersByTime(399);
  dogs.heard();
  jest.advanceTimersByTime(399);
  expect(dogs.forced).toBeUndefined();
  jest.advanceTimersByTime(1);
  dogs.force('stopped');
  expect({ forced: dogs.forced, ends }).toEqual({ forced: 'stalled', ends: 1 });
});

test('a program is left alone while any of its tools runs, and no longer', () => {
  dogs.toolStarted('c1');
  dogs.toolStarted('c2');
  jest.advanceTimersByTime(400_000);
  dogs.toolEnded('c1');
  jest.advanceTimersByTime(400_000);
  expect(dogs.forced).toBeUndefined();
  dogs.toolEnded('c2');
  jest.advanceTimersByTime(400);
  expect({ forced: dogs.forced, ends }).toEqual({ forced: 'stalled', ends: 1 });
});

test('a call that may have ended unseen holds nothing up', () => {
  dogs.toolStarted('c1');
  dogs.lostTrack();
  jest.advanceTimersByTime(400);
  expect(dogs.forced).toBe('stalled');
});

test('a program that gave its closing word has little time to go, whatever it still says', () => {
  dogs.closed();
  jest.advanceTimersByTime(49);
  dogs.heard();
  jest.advanceTimersByTime(1);
  expect(dogs.forced).toBe('lingered');
});
