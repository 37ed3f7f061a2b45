import { expect, test } from '@jest/globals';
import { kinds } from '@sallyport/audit-verify/kinds';
import { auditKinds } from '@sallyport/core/audit-kinds';

test('the verifier knows the same kinds and owners as the services do', () => {
  const verifiers = Object.fromEntries([...kinds].map(([kind, { producer }]) => [kind, producer]));
  expect(verifiers).toEqual(auditKinds);
});
