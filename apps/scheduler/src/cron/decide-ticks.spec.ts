import { describe, expect, test } from '@jest/globals';
import { cronTimes, type Times } from './cron-times.ts';
import { decideTicks, type MisfirePolicy } from './decide-ticks.ts';

const minute = 60_000;
const at = (text: string) => Date.parse(`2026-11-21T${text}Z`);
const everyMinute = cronTimes('* * * * *', 'UTC');
const policy = (misfire: MisfirePolicy['misfire'], cap = 3): MisfirePolicy => ({ misfire, cap, graceMs: minute });
const told = (ticks: ReturnType<typeof decideTicks>) =>
  ticks.map(({ at: time, skip }) => `${new Date(time).toISOString().slice(11, 16)} ${skip ?? 'fires'}`);

describe('fire times that have passed', () => {
  test('fire when they are on time, whatever the policy', () => {
    for (const misfire of ['skip', 'run_once', 'run_all'] as const) {
      expect(told(decideTicks(everyMinute, at('10:00:00'), at('10:01:00.005'), policy(misfire)))).toEqual([
        '10:01 fires',
      ]);
      expect(told(decideTicks(everyMinute, at('10:00:00'), at('10:02:00'), policy(misfire)))).toEqual([
        '10:01 fires',
        '10:02 fires',
      ]);
    }
  });

  test.each([
    ['skip', ['10:01 misfire', '10:02 misfire', '10:03 misfire', '10:04 misfire', '10:05 fires']],
    ['run_once', ['10:01 misfire', '10:02 misfire', '10:03 misfire', '10:04 fires', '10:05 fires']],
    ['run_all', ['10:01 misfire', '10:02 fires', '10:03 fires', '10:04 fires', '10:05 fires']],
  ] as const)('and were missed are dealt with as %s says', (misfire, expected) => {
    expect(told(decideTicks(everyMinute, at('10:00:00'), at('10:05:30'), policy(misfire)))).toEqual(expected);
  });

  test('are none when the clock stands still or was set back', () => {
    expect(decideTicks(everyMinute, at('10:00:00'), at('10:00:00'), policy('run_all'))).toEqual([]);
    expect(decideTicks(everyMinute, at('10:00:00'), at('09:00:00'), policy('run_all'))).toEqual([]);
  });

  test('after a long downtime are put on record up to a hundred, and one for the rest', () => {
    const found = decideTicks(everyMinute, at('00:00:00'), at('10:00:30'), policy('skip'));
    expect(found).toHaveLength(101);
    expect(told(found.slice(0, 2))).toEqual(['00:01 misfire_older', '08:21 misfire']);
    expect(told(found.slice(-1))).toEqual(['10:00 fires']);
  });

  test('after years cost no more than after an hour', () => {
    let asked = 0;
    const counted: Times = {
      after: (instant) => {
        asked += 1;
        return everyMinute.after(instant);
      },
    };
    const found = decideTicks(counted, Date.parse('2016-01-01T00:00:00Z'), at('10:00:30'), policy('run_all', 100));
    expect(found).toHaveLength(101);
    expect(asked).toBeLessThan(500);
  });

  test('of a rare schedule are found however long ago they were', () => {
    const yearly = cronTimes('0 0 1 1 *', 'UTC');
    const found = decideTicks(yearly, Date.parse('2015-06-01T00:00:00Z'), at('10:00:00'), policy('run_all', 2));
    expect(found.map(({ at: time, skip }) => [new Date(time).getUTCFullYear(), skip])).toEqual([
      ...[2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023, 2024].map((year) => [year, 'misfire']),
      [2025, undefined],
      [2026, undefined],
    ]);
  });

  test('of a schedule that fires every few minutes across a change of the clock are those of its zone', () => {
    const berlin = cronTimes('30 2 * * *', 'Europe/Berlin');
    const found = decideTicks(
      berlin,
      Date.parse('2026-10-24T12:00:00Z'),
      Date.parse('2026-10-25T12:00:00Z'),
      policy('run_all', 10),
    );
    expect(found.map(({ at: time }) => new Date(time).toISOString())).toEqual(['2026-10-25T00:30:00.000Z']);
  });
});
