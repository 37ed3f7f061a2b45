import { beforeAll, describe, expect, test } from '@jest/globals';
import { History, type Story } from './simulation.ts';

const histories = 2_000;
const stories: Story[] = [];

beforeAll(() => {
  for (let seed = 1; seed <= histories; seed++) stories.push(new History(seed).play());
});

describe(`in ${histories} seeded histories of crashes, lost messages and stepping clocks`, () => {
  test('every accepted run ends', () => {
    expect(stories.filter((story) => !story.ended)).toEqual([]);
  });

  test('no agent is started twice, under one epoch or under two', () => {
    expect(stories.filter((story) => story.tokens > 1 || story.tokensPerEpoch > 1)).toEqual([]);
  });

  test('most runs complete in spite of it all, and every other end was seen too', () => {
    const reasons = new Map<string, number>();
    for (const { reason } of stories) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    expect(reasons.get('completed')).toBeGreaterThan(histories / 2);
    expect([...reasons.keys()]).toEqual(
      expect.arrayContaining(['completed', 'cancelled', 'edge_lost', 'start_failed', 'superseded']),
    );
  });

  test('without the look before a second offer, some agent would be started twice', () => {
    const careless = Array.from({ length: histories }, (_, index) => new History(index + 1, true).play());
    expect(careless.some((story) => story.tokens > 1)).toBe(true);
  });

  test('the same seed tells the same story', () => {
    expect(new History(42).play()).toEqual(stories[41]);
  });
});
