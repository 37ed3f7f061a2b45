import { describe, expect, test } from '@jest/globals';
import { parseDuration, showAge, showDuration } from './duration.ts';

/** What a piece of work throws. */
function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['1h30m', 5_400_000],
  ])('%s is understood', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '30', 's', '5 m', '1d', '-5s', '5s!'])('%j is refused', (text) => {
    expect(thrown(() => parseDuration(text))).toMatchObject({ exitCode: 2 });
  });

  test.each([
    [0.25, '250 µs'],
    [38, '38 ms'],
    [1_234, '1.2 s'],
    [184_000, '3m 04s'],
  ])('of %d ms is shown for people', (ms, text) => {
    expect(showDuration(ms)).toBe(text);
  });

  test('since a time is shown in its largest unit', () => {
    const now = Date.parse('2026-11-21T10:00:00Z');
    expect(
      ['2026-11-21T09:59:18Z', '2026-11-21T09:57:00Z', '2026-11-21T07:00:00Z', '2026-11-18T10:00:00Z'].map((time) =>
        showAge(time, now),
      ),
    ).toEqual(['42s ago', '3m ago', '3h ago', '3d ago']);
    expect(showAge(undefined, now)).toBe('');
  });
});
