import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { DenyReasonSchema } from '@sallyport/contracts/egress/v1/egress';
import { denyReasons } from './decisions/deny-reason.ts';
import { decisionNotFound, questionInvalid } from './faults.ts';

const text = readFileSync(new URL('../../../docs/faults/egress.md', import.meta.url), 'utf8');

const table = (form: RegExp): Record<string, string> =>
  Object.fromEntries([...text.matchAll(form)].map(([, reason = '', value = '']) => [reason, value]));

describe('what egress refuses', () => {
  test('is documented as faults, and nothing else is', () => {
    const raised = [decisionNotFound('x'), questionInvalid()].map(({ reason, code }) => [reason, code]);
    expect(table(/^\| `(egress\.[a-z_]+)` \| ([a-z_]+) \|/gm)).toEqual(Object.fromEntries(raised));
  });

  test('is documented as deny reasons, and nothing else is', () => {
    const denied = Object.entries(denyReasons).map(([word, { status }]) => [word, String(status)]);
    expect(table(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)).toEqual(Object.fromEntries(denied));
  });

  test('has a word for every value of the contract', () => {
    const words = DenyReasonSchema.values.filter(({ number }) => number !== 0).map(({ name }) => name);
    expect(Object.keys(denyReasons).map((word) => `DENY_REASON_${word.toUpperCase()}`)).toEqual(words);
  });
});
