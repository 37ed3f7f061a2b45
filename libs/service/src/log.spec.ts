import { describe, expect, test } from '@jest/globals';
import { redact } from './log.ts';

const token = `eyJhbGciOiJFUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;
const key = `sally_${'k'.repeat(43)}`;

describe('redact', () => {
  test.each([
    ['a token inside text', `got ${token} from`, 'got [redacted] from'],
    ['an API key inside text', `key=${key}`, 'key=[redacted]'],
    [
      'a field named for a secret',
      { Authorization: 'x', nested: { password: 'y', user: 'z' } },
      { Authorization: '[redacted]', nested: { password: '[redacted]', user: 'z' } },
    ],
    ['bytes', new Uint8Array(3), '[3 bytes]'],
    ['a big integer', 12n, '12'],
  ])('strikes out %s', (_, value, expected) => {
    expect(redact(value)).toEqual(expected);
  });

  test('strikes secrets out of errors and their causes', () => {
    const text = JSON.stringify(redact(new Error(`bad ${token}`, { cause: new Error(key) })));
    expect(text).not.toContain(token);
    expect(text).not.toContain(key);
  });

  test('ends on a value that holds itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(JSON.stringify(redact(loop))).toContain('[deep]');
  });
});
