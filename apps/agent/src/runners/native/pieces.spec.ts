import { describe, expect, test } from '@jest/globals';
import { troubleOf } from './model-trouble.ts';
import { retryWait } from './retry.ts';
import { SseParser } from './sse.ts';
import { verdictOf } from './verdict.ts';

describe('server-sent events', () => {
  const text = 'event: a\r\ndata: 1\r\n\r\n: comment\ndata: x\ndata: y\n\ndata:é\r\rid: 7\n\n';
  const events = [
    { type: 'a', data: '1' },
    { type: 'message', data: 'x\ny' },
    { type: 'message', data: 'é' },
  ];

  test('are read whole', () => {
    expect(new SseParser().push(Buffer.from(text))).toEqual(events);
  });

  test('are read the same however the bytes are cut', () => {
    const bytes = Buffer.from(text);
    for (let size = 1; size < bytes.length; size += 1) {
      const parser = new SseParser();
      const seen = [];
      for (let at = 0; at < bytes.length; at += size) seen.push(...parser.push(bytes.subarray(at, at + size)));
      expect(seen).toEqual(events);
    }
  });

  test('end with a line that never does', () => {
    const parser = new SseParser();
    expect(() => {
      for (let round = 0; round < 10; round += 1) parser.push(Buffer.alloc(1024 * 1024, 'x'));
    }).toThrow(RangeError);
  });
});

describe('the wait before another try', () => {
  const policy = { attempts: 3, baseMillis: 100, maxMillis: 1000 };
  const trouble = { reason: 'model.busy', message: '', again: true };

  test.each([
    [1, trouble, 100],
    [2, trouble, 200],
    [3, trouble, undefined],
    [1, { ...trouble, again: false }, undefined],
    [1, { ...trouble, waitMillis: 700 }, 700],
    [1, { ...trouble, waitMillis: 60_000 }, 1000],
  ])('after try %d is bounded', (attempt, failed, expected) => {
    expect(retryWait(policy, attempt, failed, 0.5)).toBe(expected);
  });
});

describe('trouble with a model', () => {
  test.each([
    [429, undefined, 'model.busy', true],
    [408, undefined, 'model.failing', true],
    [529, undefined, 'model.failing', true],
    [400, undefined, 'model.refused', false],
    [403, 'host_not_allowed', 'model.denied', false],
    [503, 'audit_unavailable', 'model.failing', true],
  ])('is told by status %d and denial %s', (status, denied, reason, again) => {
    expect(troubleOf(status, { denied }, '')).toMatchObject({ reason, again });
  });
});

describe('the verdict', () => {
  const trouble = { reason: 'model.refused', message: '', again: false };

  test.each([
    [{ kind: 'answered', stop: 'done' }, 'VERDICT_SUCCEEDED'],
    [{ kind: 'answered', stop: 'cut' }, 'VERDICT_FAILED'],
    [{ kind: 'answered', stop: 'refused' }, 'VERDICT_FAILED'],
    [{ kind: 'turns_used' }, 'VERDICT_BUDGET_EXHAUSTED'],
    [{ kind: 'stopped' }, 'VERDICT_CANCELLED'],
    [{ kind: 'trouble', trouble }, 'VERDICT_FAILED'],
    [{ kind: 'trouble', trouble: { ...trouble, again: true } }, 'VERDICT_RUNNER_ERROR'],
    [{ kind: 'trouble', trouble: { ...trouble, reason: 'model.denied' } }, 'VERDICT_BLOCKED'],
    [{ kind: 'defect' }, 'VERDICT_RUNNER_ERROR'],
  ] as const)('of %j is %s', (ending, verdict) => {
    expect(verdictOf(ending)).toBe(verdict);
  });
});
