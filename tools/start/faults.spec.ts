import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repository } from './options.ts';

/** Reasons that stand in the sources, each with its code where the two stand together. */
function raised(pattern: string, prefix: string): ReadonlySet<string> {
  const files = globSync(pattern, { cwd: repository }).filter((file) => !file.includes('.spec.'));
  const reasons = files.flatMap((file) => [
    ...readFileSync(join(repository, file), 'utf8').matchAll(new RegExp(`'(${prefix}\\.[a-z_]+)'`, 'g')),
  ]);
  return new Set(reasons.map(([, reason = '']) => reason));
}

const documented = (page: string, prefix: string): ReadonlySet<string> => {
  const text = readFileSync(join(repository, 'docs', 'faults', page), 'utf8');
  return new Set(
    [...text.matchAll(new RegExp(`^\\| \`(${prefix}\\.[a-z_]+)\` \\|`, 'gm'))].map(([, word = '']) => word),
  );
};

describe('every reason', () => {
  test.each([
    ['start', 'tools/start/*.{ts,mjs}', 'start.md'],
    ['store', 'libs/store/src/*.ts', 'store.md'],
  ])('of %s is documented, and nothing else is', (prefix, sources, page) => {
    const reasons = raised(sources, prefix);
    expect(reasons.size).toBeGreaterThan(5);
    expect([...documented(page, prefix)].toSorted()).toEqual([...reasons].toSorted());
  });
});
