import { describe, expect, test } from '@jest/globals';
import { UidSlots } from './uid-slots.ts';

describe('UidSlots', () => {
  test('gives one uid per workload, the same until released', () => {
    const slots = UidSlots.ofInstall('a');
    const first = slots.reserve('one');
    expect(slots.reserve('one')).toBe(first);
    expect(slots.reserve('two')).not.toBe(first);
    slots.release('one');
    expect(slots.reserve('three')).toBe(first);
  });

  test('does not give what an adopted workload holds', () => {
    const before = UidSlots.ofInstall('a').reserve('old');
    const slots = UidSlots.ofInstall('a');
    slots.adopt('old', before);
    expect(slots.reserve('new')).not.toBe(before);
    expect(slots.reserve('old')).toBe(before);
  });

  test('stays in the range that nothing else on a machine uses', () => {
    for (const label of ['a', 'b', 'c', 'install-1']) {
      const uid = UidSlots.ofInstall(label).reserve('x');
      expect(uid).toBeGreaterThan(1_879_048_191);
      expect(uid).toBeLessThan(2_147_483_647);
    }
  });
});
