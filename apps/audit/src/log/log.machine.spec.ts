import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { logMachine } from './log.machine.ts';

test('the README shows the machine as it is', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(logMachine.toMermaid());
});

test('nothing leads out of a halted log', () => {
  expect(logMachine.isTerminal('halted')).toBe(true);
});
