import { describe, expect, test } from '@jest/globals';
import { Fault, faultCodes, httpStatus } from '@sallyport/core/fault';
import { InvalidRequest } from '../faults.ts';
import { isStale, problemOf, problemSchema, statusOf } from './problem.ts';

const at = { path: '/v1/runs', trace: '0'.repeat(32) };

describe('a problem document', () => {
  test.each(faultCodes.map((code) => [code, httpStatus[code]] as const))(
    'of %s has status %i and the required members',
    (code, status) => {
      const problem = problemOf(new Fault(code, 'scheduler.something', 'it failed; do this'), at);
      expect(problemSchema.safeParse(problem).success).toBe(true);
      expect(problem).toMatchObject({
        status,
        code: 'scheduler.something',
        category: code,
        instance: '/v1/runs',
        trace_id: at.trace,
        type: '/problems/scheduler.something',
      });
    },
  );

  test.each([
    ['scheduler.idempotency_mismatch', 'already_exists', 422],
    ['scheduler.task_too_large', 'invalid_argument', 413],
    ['api.host_not_served', 'invalid_argument', 421],
    ['api.method_not_allowed', 'invalid_argument', 405],
  ] as const)('of %s has the more exact status of HTTP', (reason, code, status) => {
    expect(statusOf(new Fault(code, reason, ''))).toBe(status);
  });

  test('names the field a service points to', () => {
    const fault = new Fault('invalid_argument', 'scheduler.runner_unknown', 'no such runner', {
      pointer: '/runner',
      known: 'exec',
    });
    expect(problemOf(fault, at)).toMatchObject({ errors: [{ pointer: '/body/runner' }], facts: { known: 'exec' } });
  });

  test('names every violation', () => {
    const violations = [
      { pointer: '/query/limit', detail: 'must be a whole number' },
      { pointer: '/query/colour', detail: 'is not known here' },
    ];
    expect(problemOf(new InvalidRequest(violations), at).errors).toEqual(violations);
  });

  test('never shows the cause of an internal failure', () => {
    const problem = problemOf(Fault.from(new Error('password=hunter2')), at);
    expect(JSON.stringify(problem)).not.toContain('hunter2');
    expect(problem.status).toBe(500);
  });

  test('knows a lost compare-and-set', () => {
    expect(isStale(new Fault('failed_precondition', 'scheduler.role_changed', ''))).toBe(true);
    expect(isStale(new Fault('failed_precondition', 'scheduler.run_ended', ''))).toBe(false);
  });
});
