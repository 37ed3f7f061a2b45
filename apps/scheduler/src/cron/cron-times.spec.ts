import { describe, expect, test } from '@jest/globals';
import { cronTimes } from './cron-times.ts';

/**
 * The oracle walks every minute of UTC and reads each zone's clock through another door of the runtime than the product does. A local minute
 * counts the first time the clock reaches it or passes over it; what is passed over fires at the minute the clock lands on.
 */
const minute = 60_000;

const offsets = new Map<string, Map<number, number>>();

/** The local time of an instant as if it were UTC, by the text of a clock that is looked at once in a slot. */
function reader(zone: string, slotMs: number): (at: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const known = offsets.get(zone) ?? new Map<number, number>();
  offsets.set(zone, known);
  return (at) => {
    const slot = Math.floor(at / slotMs) * slotMs;
    const offset = known.get(slot) ?? Date.parse(`${format.format(slot).replace(' ', 'T')}Z`) - slot;
    known.set(slot, offset);
    return at + offset;
  };
}

const parts: readonly [number, number, readonly string[]][] = [
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']],
  [0, 7, ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']],
];

/** The values of a field, by the words of crontab(5). */
function values(text: string, index: number): ReadonlySet<number> {
  const [low, high, names] = parts[index]!;
  const value = (word: string) => (names.includes(word) ? names.indexOf(word) + low : Number(word));
  const found = new Set<number>();
  for (const item of text.toUpperCase().split(',')) {
    const [range = '', step = '1'] = item.split('/');
    const [from, to] = range === '*' ? [low, high] : [value(range.split('-')[0]!), value(range.split('-').at(-1)!)];
    for (let each = from; each <= to; each += Number(step)) found.add(index === 4 ? each % 7 : each);
  }
  return found;
}

function matcher(expression: string): (local: number) => boolean {
  const fields = expression.split(' ');
  const [minutes, hours, days, months, weekdays] = fields.map(values);
  return (local) => {
    const date = new Date(local);
    const [day, weekday] = [days!.has(date.getUTCDate()), weekdays!.has(date.getUTCDay())];
    const either = fields[2] !== '*' && fields[4] !== '*';
    return (
      minutes!.has(date.getUTCMinutes()) &&
      hours!.has(date.getUTCHours()) &&
      months!.has(date.getUTCMonth() + 1) &&
      (either ? day || weekday : day && weekday)
    );
  };
}

function oracle(expression: string, zone: string, from: number, to: number, slotMs = minute): number[] {
  const [read, fits] = [reader(zone, slotMs), matcher(expression)];
  const fires: number[] = [];
  // A day before, so that what was reached before the window counts as reached.
  let reached = read(from - 30 * 60 * minute);
  for (let at = from - 30 * 60 * minute + minute; at <= to; at += minute) {
    const local = read(at);
    let hit = false;
    for (let each = reached + minute; each <= local; each += minute) hit ||= fits(each);
    reached = Math.max(reached, local);
    if (hit && at > from) fires.push(at);
  }
  return fires;
}

function product(expression: string, zone: string, from: number, to: number): number[] {
  const times = cronTimes(expression, zone);
  const fires: number[] = [];
  for (let at = times.after(from); at !== undefined && at <= to; at = times.after(at)) fires.push(at);
  return fires;
}

const iso = (times: readonly number[]) => times.map((at) => new Date(at).toISOString());
const day = 24 * 60 * minute;

/** Zones with the days on which their clocks do something. */
const changes: readonly [string, readonly string[]][] = [
  ['UTC', ['2026-03-29']],
  ['Europe/Berlin', ['2026-03-29', '2026-10-25', '2027-03-28']],
  ['Europe/London', ['2026-03-29', '2026-10-25']],
  ['Europe/Dublin', ['2026-03-29', '2026-10-25']],
  ['America/New_York', ['2026-03-08', '2026-11-01']],
  ['America/St_Johns', ['2026-03-08', '2026-11-01']],
  ['America/Havana', ['2026-03-08', '2026-11-01']],
  ['America/Sao_Paulo', ['2018-11-04', '2019-02-17']],
  ['America/Santiago', ['2026-04-05', '2026-09-06']],
  ['America/Scoresbysund', ['2024-03-31', '2026-03-29']],
  ['America/Caracas', ['2007-12-09', '2016-05-01']],
  ['Atlantic/Azores', ['2026-03-29', '2026-10-25']],
  ['Australia/Lord_Howe', ['2026-04-05', '2026-10-04']],
  ['Australia/Eucla', ['2009-03-29']],
  ['Asia/Kathmandu', ['2026-03-29']],
  ['Asia/Pyongyang', ['2015-08-15', '2018-05-05']],
  ['Asia/Beirut', ['2026-03-29', '2026-10-25']],
  ['Asia/Gaza', ['2026-03-28', '2026-10-31']],
  ['Africa/Casablanca', ['2026-02-15', '2026-03-22']],
  ['Africa/Cairo', ['2026-04-24', '2026-10-30']],
  ['Antarctica/Troll', ['2026-03-29', '2026-10-25']],
  ['Antarctica/Casey', ['2018-03-11', '2020-10-04']],
  ['Pacific/Apia', ['2011-12-30', '2011-12-31']],
  ['Pacific/Fakaofo', ['2011-12-30']],
  ['Pacific/Kiritimati', ['1995-01-01']],
  ['Pacific/Kwajalein', ['1993-08-21']],
  ['Pacific/Chatham', ['2026-04-05', '2026-09-27']],
];

const expressions: readonly string[] = [
  '* * * * *',
  '*/5 * * * *',
  '7 * * * *',
  '0 0 * * *',
  '30 0 * * *',
  '15 1 * * *',
  '30 1 * * *',
  '0,30 1-3 * * *',
  '30 2 * * *',
  '59 2 * * *',
  '0 3 * * *',
  '45 2 * * SUN',
  '0 12 * * *',
  '10-20/3 */2 * * *',
  '30 2 29 3 *',
  '30 2 13 * FRI',
  '0 0 1 1 *',
];

describe('fire times around a change of the clock', () => {
  test.each(changes.flatMap(([zone, days]) => days.map((each) => [zone, each] as const)))(
    'in %s on %s are those of the rule, for every expression',
    (zone, around) => {
      const from = Date.parse(`${around}T00:00:00Z`) - 1.5 * day;
      const to = from + 3.5 * day;
      for (const expression of expressions) {
        const found = product(expression, zone, from, to);
        expect([expression, ...iso(found)]).toEqual([expression, ...iso(oracle(expression, zone, from, to))]);
      }
    },
  );

  test('are the same from wherever one looks: the next time after any minute is the first of the rule', () => {
    for (const [zone, around] of [
      ['Europe/Berlin', '2026-10-25'],
      ['Australia/Lord_Howe', '2026-04-05'],
      ['America/New_York', '2026-03-08'],
      ['Pacific/Apia', '2011-12-31'],
    ] as const) {
      const from = Date.parse(`${around}T00:00:00Z`) - day;
      const to = from + 2.5 * day;
      for (const expression of ['*/10 * * * *', '30 2 * * *', '15 1 * * *', '0 12 * * *']) {
        const fires = oracle(expression, zone, from, to);
        const times = cronTimes(expression, zone);
        for (let at = from; at < fires.at(-1)!; at += 7 * minute + 13_000) {
          expect([at, times.after(at)]).toEqual([at, fires.find((each) => each > at)]);
        }
      }
    }
  });

  test('a skipped local time fires once, at the next valid minute', () => {
    const from = Date.parse('2026-03-29T00:00:00Z');
    expect(iso(product('30 2 * * *', 'Europe/Berlin', from, from + day))).toEqual(['2026-03-29T01:00:00.000Z']);
    // Three skipped times and the minute itself are one firing.
    expect(iso(product('0,15,30,45 2-3 * * *', 'Europe/Berlin', from, from + 90 * minute))).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:15:00.000Z',
      '2026-03-29T01:30:00.000Z',
    ]);
  });

  test('a repeated local time fires once, the first time', () => {
    const from = Date.parse('2026-10-24T22:00:00Z');
    expect(iso(product('30 2 * * *', 'Europe/Berlin', from, from + day))).toEqual(['2026-10-25T00:30:00.000Z']);
  });

  test('a day that does not exist fires once, as the next begins', () => {
    const from = Date.parse('2011-12-30T09:00:00Z');
    expect(iso(product('0 9 30 12 *', 'Pacific/Apia', from, from + day))).toEqual(['2011-12-30T10:00:00.000Z']);
  });
});

describe('fire times over a year', () => {
  test.each([
    ['0 7 * * MON-FRI', 'America/New_York'],
    ['30 2 * * *', 'Europe/Berlin'],
    ['0 0 1 * *', 'Australia/Lord_Howe'],
    ['15 1 * * SUN', 'Atlantic/Azores'],
    ['0 12 31 * *', 'Asia/Kathmandu'],
    ['0 0 29 2 *', 'UTC'],
    ['0 4 13 * FRI', 'America/St_Johns'],
    ['0 4 */2 * MON', 'UTC'],
  ])('of %s in %s are those of the rule', (expression, zone) => {
    const from = Date.parse('2027-12-31T12:00:00Z');
    const to = from + 370 * day;
    expect(iso(product(expression, zone, from, to))).toEqual(iso(oracle(expression, zone, from, to, 30 * minute)));
  });
});

describe('an expression', () => {
  test.each([
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['0 0 * * 7', '0 0 * * SUN'],
    ['  0\t0  * * mon ', '0 0 * * 1'],
    ['0 0 1 jan *', '0 0 1 1 *'],
  ])('%j means %j', (one, other) => {
    const from = Date.parse('2026-05-05T05:05:05Z');
    const seven = (expression: string) => {
      const times = cronTimes(expression, 'Europe/Berlin');
      const found = [times.after(from)!];
      while (found.length < 7) found.push(times.after(found.at(-1)!)!);
      return iso(found);
    };
    expect(seven(one)).toEqual(seven(other));
  });

  test.each([
    '',
    ' ',
    '* * * *',
    '* * * * * *',
    '*/10 * * * * *',
    '0 0 0 1 1 * 2030',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '-1 * * * *',
    '*/0 * * * *',
    '*/61 * * * *',
    '5/10 * * * *',
    '5-1 * * * *',
    '22-2 * * * *',
    '1,,2 * * * *',
    ', * * * *',
    '0 0 L * *',
    '0 0 * * 5L',
    '0 0 15W * *',
    '0 0 * * MON#2',
    '0 0 ? * *',
    '0 0 * * +MON',
    '0 0 * * FUNDAY',
    '0 0 * MAY-JAN *',
    '@reboot',
    '@every 5m',
    '@DAILY',
    '@midnight',
    'TZ=UTC 0 0 * * *',
    '0 0 * * *; rm -rf /',
    '0 0 * * *\u0000',
    '١ * * * *',
    `${'1,'.repeat(200)}1 * * * *`,
  ])('%j is refused', (expression) => {
    expect(() => cronTimes(expression, 'UTC')).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason: 'scheduler.cron_invalid' }),
    );
  });

  test.each([
    '',
    'Mars/Olympus',
    '+02:00',
    '-05',
    'UTC+2',
    '../../etc/passwd',
    'Europe/Berlin\u0000',
    'x'.repeat(100),
    'Z',
  ])('in the zone %j is refused', (zone) => {
    expect(() => cronTimes('0 0 * * *', zone)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason: 'scheduler.zone_unknown' }),
    );
  });

  test('that no date fits has no time, and says so at once', () => {
    expect(cronTimes('0 0 30 2 *', 'Europe/Berlin').after(0)).toBeUndefined();
    expect(cronTimes('0 0 31 2,4,6,9,11 *', 'UTC').after(0)).toBeUndefined();
  });
});
