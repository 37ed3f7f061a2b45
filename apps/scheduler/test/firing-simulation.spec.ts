import { beforeAll, describe, expect, test } from '@jest/globals';
import { FiringHistory, type Flaw, type Story } from './firing-simulation.ts';

/** `SALLY_HISTORIES=1000000 npm run jest -- firing-simulation` plays more of them. */
const histories = Number(process.env['SALLY_HISTORIES'] ?? 100_000);

describe(`in ${histories} seeded histories of a schedule, a subscription and two schedulers`, () => {
  const wrong: Story[] = [];
  const outcomes = new Map<string, number>();

  beforeAll(() => {
    for (let seed = 1; seed <= histories; seed++) {
      const story = new FiringHistory(seed).play();
      if (story.wrong.length > 0) wrong.push(story);
      for (const [word, count] of Object.entries(story.outcomes)) outcomes.set(word, (outcomes.get(word) ?? 0) + count);
    }
  }, 1_800_000);

  test('every fire time and event is on record once and makes one run at most, and none overlap where they may not', () => {
    expect(wrong.slice(0, 5)).toEqual([]);
  });

  test('every outcome was seen', () => {
    const words = [
      'started',
      'overlap',
      'superseded',
      'misfire',
      'paused',
      'removed',
      'consent_needed',
      'identity.grant_revoked',
      'identity.busy',
      'bus.timeout',
    ];
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(words));
  });

  test('the same seed tells the same story', () => {
    for (let seed = 1; seed <= 100; seed++)
      expect(new FiringHistory(seed).play()).toEqual(new FiringHistory(seed).play());
  });
});

/** A seed among the first 5,000 in which the mistake shows. */
function foundAt(flaw: Flaw): number {
  for (let seed = 1; seed <= 5_000; seed++) if (new FiringHistory(seed, flaw).play().wrong.length > 0) return seed;
  return 0;
}

describe('a scheduler with a mistake', () => {
  const flaws: readonly Flaw[] = [
    'forgets_keys',
    'new_run_per_try',
    'commits_unchecked',
    'deciding_is_not_live',
    'forgets_the_abandoned',
    'advances_past_now',
    'notes_events_first',
    'new_key_per_try',
  ];
  test.each(flaws)('that %s is found out', (flaw) => {
    expect(foundAt(flaw)).toBeGreaterThan(0);
  });
});
