import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { launchMachine } from './launch.machine.ts';

test('ends once and for good', () => {
  expect(launchMachine.next('open', 'end')).toBe('ended');
  expect(launchMachine.next('ended', 'end')).toBeUndefined();
  expect(launchMachine.isTerminal('ended')).toBe(true);
});

test('is drawn in the README as it is', () => {
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(launchMachine.toMermaid());
});
