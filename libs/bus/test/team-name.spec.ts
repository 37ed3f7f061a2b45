import { describe, expect, test } from '@jest/globals';
import { checkTeam } from '../src/teams.ts';

describe('a name for a team', () => {
  test.each([
    { org: 'acme', environment: 'prod', name: 'scheduler' },
    { org: 'acme', environment: 'prod', name: 'operator' },
    { org: 'acme', environment: 'prod', name: 'keeper' },
    { org: 'acme', environment: 'prod', name: 'a.b' },
    { org: 'acme', environment: 'prod', name: '>' },
    { org: 'acme', environment: '*', name: 'pay' },
    { org: 'acme.prod', environment: 'x', name: 'pay' },
    { org: '', environment: 'x', name: 'pay' },
    { org: 'acme', environment: 'prod', name: 'a" }' },
  ])('is refused: %j', (named) => {
    expect(() => checkTeam(named)).toThrow(expect.objectContaining({ reason: 'bus.team' }));
  });
});
