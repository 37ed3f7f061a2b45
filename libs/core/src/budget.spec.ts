import { expect, test } from '@jest/globals';
import { Budget } from './budget.ts';

const rate = { burst: 10, perSecond: 2 };

function aBudget() {
  const hand = { ms: 0 };
  return { hand, budget: new Budget(rate, { monotonic: () => hand.ms }) };
}

test('holds its burst at first, and fills up to it again and no further', () => {
  const { hand, budget } = aBudget();
  expect(budget.take(10)).toBe(0);
  hand.ms += 1_500;
  expect(budget.room).toBe(3);
  hand.ms += 60_000;
  expect(budget.room).toBe(10);
});

test('owes what was taken beyond its room', () => {
  const { hand, budget } = aBudget();
  expect(budget.take(14)).toBe(-4);
  hand.ms += 1_000;
  expect(budget.room).toBe(-2);
});

test('takes back what is given, up to its burst', () => {
  const { budget } = aBudget();
  budget.take(3);
  budget.give(1);
  expect(budget.room).toBe(8);
  budget.give(100);
  expect(budget.room).toBe(10);
});
