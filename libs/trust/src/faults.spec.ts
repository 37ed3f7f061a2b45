import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { trustReasons } from './faults.ts';

test('every reason is documented and every documented reason exists', () => {
  const text = readFileSync(new URL('../../../docs/faults/trust.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([a-z]+\.[a-z_]+)` \|/gm)].map((match) => match[1]);
  expect(documented).toHaveLength(trustReasons.length);
  expect(new Set(documented)).toEqual(new Set(trustReasons));
});
