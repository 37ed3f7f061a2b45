import { describe, expect, test } from '@jest/globals';
import { holesOf } from './runc.ts';

describe('a version of runc', () => {
  test.each(['1.2.8', 'v1.2.9', '1.3.3', '1.3.3+ds1', '1.4.0', '1.5.0', '2.0.0'])(
    '%s has no known way out',
    (version) => {
      expect(holesOf(version)).toBeUndefined();
    },
  );

  test.each(['1.1.15', '1.2.7', '1.3.2', '1.3.3-rc.1', '1.4.0-rc.2', '0.1.1', 'nonsense', '', undefined])(
    '%s counts as open',
    (version) => {
      expect(holesOf(version)).toEqual(expect.any(String));
    },
  );
});
