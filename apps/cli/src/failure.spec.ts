import { describe, expect, test } from '@jest/globals';
import { Failure } from './failure.ts';

const problem = (detail: string, code = 'workspace.name') => ({
  type: `/problems/${code}`,
  title: 'The request is not valid',
  detail,
  code,
});

describe('a refusal of the API', () => {
  test('says why and what next in the words of the service', () => {
    expect(Failure.refused(404, problem('there is no workspace x; see: sally workspace ls; or make it'))).toMatchObject(
      {
        why: 'there is no workspace x',
        next: 'see: sally workspace ls; or make it',
      },
    );
  });

  test('names the page of its reason where the service says no next step', () => {
    expect(Failure.refused(400, problem('x is not a name')).next).toContain('/problems/workspace.name');
  });

  test('names every field when several are wrong', () => {
    const errors = [
      { pointer: '/body/a', detail: 'is missing' },
      { pointer: '/body/b', detail: 'is not known here' },
    ];
    expect(Failure.refused(400, { ...problem('/body/a: is missing; more'), errors }).why).toBe(
      '/body/a: is missing, /body/b: is not known here',
    );
  });
});
