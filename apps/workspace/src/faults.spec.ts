import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Fault } from '@sallyport/core/fault';
import * as faults from './faults.ts';

test('every reason is documented with its code, and every documented reason exists', () => {
  const text = readFileSync(new URL('../../../docs/faults/workspace.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([a-z]+\.[a-z_]+)` \| (\w+) \|/gm)].map(
    (match) => `${match[1]} ${match[2]}`,
  );
  const made = Object.values(faults).map((make) => (make as (...words: string[]) => Fault)('x', 'y'));
  const existing = made.map((fault) => `${fault.reason} ${fault.code}`);
  expect(documented).toHaveLength(existing.length);
  expect(new Set(documented)).toEqual(new Set(existing));
});
