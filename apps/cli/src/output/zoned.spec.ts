import { describe, expect, test } from '@jest/globals';
import { zoned } from './zoned.ts';

describe('a time in a zone', () => {
  test.each([
    ['2026-11-22T08:00:00Z', 'Europe/Berlin', '2026-11-22T09:00:00+01:00'],
    ['2026-07-01T07:00:00.000Z', 'Europe/Berlin', '2026-07-01T09:00:00+02:00'],
    ['2026-01-01T00:30:00Z', 'America/St_Johns', '2025-12-31T21:00:00-03:30'],
    ['2026-01-01T00:00:00Z', 'UTC', '2026-01-01T00:00:00Z'],
  ])('%s in %s is %s, and the same moment', (time, zone, shown) => {
    expect(zoned(time, zone)).toBe(shown);
    expect(Date.parse(shown)).toBe(Date.parse(time));
  });

  test.each([
    ['never', 'UTC'],
    ['2026-01-01T00:00:00Z', 'Mars/Base'],
  ])('%s in %s is left as it is', (time, zone) => {
    expect(zoned(time, zone)).toBe(time);
  });
});
