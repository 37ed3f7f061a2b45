import { expect, test } from '@jest/globals';
import { noiseOf } from './mirror-decisions.ts';

test.each([
  ['codex.update', 'codex', 'codex.update'],
  ['codex.update', 'acp', 'codex.update'],
  ['codex.update', 'claude-code', ''],
  ['codex.update', 'exec', ''],
  ['codex.update', 'native', ''],
  ['', 'codex', ''],
])('%j from %s is shown as %j', (name, runner, shown) => {
  expect(noiseOf(name, runner)).toBe(shown);
});
