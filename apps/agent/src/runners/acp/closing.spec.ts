import { describe, expect, test } from '@jest/globals';
import { closingOfError, closingOfStop } from './closing.ts';

describe('closingOfStop', () => {
  test.each([
    ['end_turn', 'done'],
    ['max_turn_requests', 'budget'],
    ['max_tokens', 'failed'],
    ['refusal', 'failed'],
    ['cancelled', 'failed'],
    ['a reason of tomorrow', 'failed'],
    ['', 'failed'],
  ])('takes %j for %s', (reason, kind) => {
    expect(closingOfStop(reason).kind).toBe(kind);
  });
});

describe('closingOfError', () => {
  test.each<[string, Parameters<typeof closingOfError>[0], object]>([
    ['an HTTP status as code', { code: 429, message: 'busy' }, { kind: 'model', status: 429, denied: false }],
    ['one in its data', { code: -32603, message: 'x', data: { statusCode: 401 } }, { kind: 'model', status: 401 }],
    [
      'a denial of egress',
      { code: 403, message: 'x', data: { details: 'sally-deny: host' } },
      { kind: 'model', status: 403, denied: true },
    ],
    ['an error of the protocol', { code: -32602, message: 'bad' }, { kind: 'failed', message: 'bad' }],
    [
      'details beside the message',
      { code: -32603, message: 'a', data: { details: 'b' } },
      { kind: 'failed', message: 'a: b' },
    ],
  ])('knows %s', (_, error, closing) => {
    expect(closingOfError(error)).toMatchObject(closing);
  });
});
