import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { RefusalBudget } from './refusal-budget.ts';

const taken = (budget: RefusalBudget, sender: string, times: number) =>
  Array.from({ length: times }, () => budget.take(sender)).filter((facts) => facts !== undefined);

describe('a budget of refusals', () => {
  test('lets a burst be recorded, counts the rest, and tells the count with the next record', () => {
    const clock = new FakeClock();
    const budget = new RefusalBudget(clock);
    expect(taken(budget, 'pay', 80)).toEqual(Array.from({ length: 50 }, () => ({})));
    clock.advance(1_000);
    expect(taken(budget, 'pay', 80)).toEqual([{ unrecorded: '30' }, {}, {}, {}, {}]);
    clock.advance(200);
    expect(taken(budget, 'pay', 1)).toEqual([{ unrecorded: '75' }]);
  });

  test('is each sender’s own', () => {
    const budget = new RefusalBudget(new FakeClock());
    taken(budget, 'pay', 80);
    expect(taken(budget, 'ops', 1)).toEqual([{}]);
  });

  test('is shared by those beyond the senders that are told apart, until one of these is quiet', () => {
    const clock = new FakeClock();
    const budget = new RefusalBudget(clock);
    for (let sender = 0; sender < 1_000; sender++) budget.take(`s${sender}`);
    expect(taken(budget, 'late', 40).length + taken(budget, 'later', 40).length).toBe(50);
    clock.advance(1_000);
    expect(taken(budget, 'latest', 80)).toHaveLength(50);
  });
});
