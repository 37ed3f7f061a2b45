import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { StartedStack } from '../e2e/started-stack.ts';
import { chaos } from './chaos.ts';

let stack: StartedStack;

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(() => stack.stop());

test('twenty kills at random: no run and no firing that was accepted is lost, nothing starts twice, every run ends with a reason, no process is left', async () => {
  const report = await chaos(stack, { kills: 20, seed: 20_261_121 });
  expect(report).toMatchObject({ broken: [] });
  expect(report.accepted).toBeGreaterThanOrEqual(20);
  const { clock, hand, event, webhook } = report.fired;
  expect(Math.min(clock, hand, event, webhook)).toBeGreaterThan(0);
}, 1_800_000);
