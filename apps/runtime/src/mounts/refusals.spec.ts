import { describe, expect, test } from '@jest/globals';
import { Refusals, unnamed } from './refusals.ts';

const ofMany = (paths: readonly string[]): Refusals => {
  const refusals = new Refusals();
  for (const path of paths) refusals.add(path, 'special_file');
  return refusals;
};

describe('paths left out', () => {
  test('are named with their reason', () => {
    expect(ofMany(['a', 'b\u00c3\u00bc']).named).toEqual({ a: 'special_file', bü: 'special_file' });
  });

  test('are counted beyond what a person reads', () => {
    const many = ofMany(Array.from({ length: 20_000 }, (_, index) => `fifo-${index}`));
    expect(many.count).toBe(20_000);
    expect(Object.keys(many.named)).toHaveLength(101);
    expect(many.named[unnamed]).toBe('and 19900 more');
  });

  test('stay small however long each is', () => {
    const many = ofMany(Array.from({ length: 500 }, (_, index) => `${index}${'x'.repeat(2_000)}`));
    expect(JSON.stringify(many.named).length).toBeLessThan(20_000);
    expect(many.named[unnamed]).toMatch(/^and \d+ more$/);
  });
});
