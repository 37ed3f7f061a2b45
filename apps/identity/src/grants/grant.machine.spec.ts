import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { grantMachine } from './grant.machine.ts';

test('can be revoked and replaced until it is over', () => {
  for (const state of ['active', 'spent'] as const) {
    expect(grantMachine.next(state, 'revoke')).toBe('revoked');
    expect(grantMachine.next(state, 'replace')).toBe('replaced');
  }
  for (const state of ['revoked', 'replaced'] as const) expect(grantMachine.isTerminal(state)).toBe(true);
});

test('is never given back', () => {
  expect(Object.values(grantMachine.table).flatMap((moves) => Object.values(moves))).not.toContain('active');
});

test('is drawn in the README as it is', () => {
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(grantMachine.toMermaid());
});
