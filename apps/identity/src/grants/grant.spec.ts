import { describe, expect, test } from '@jest/globals';
import { GrantState } from '@sallyport/contracts/identity/v1/grant';
import { aGrant, noon } from './grant.builder.ts';
import { countedDay, type Grant, grantToWire, standing, usedToday } from './grant.ts';

const day = '2026-11-21';

describe('the standing of a grant', () => {
  test.each<[string, Partial<Grant>, GrantState, string]>([
    ['unused', {}, GrantState.ACTIVE, ''],
    ['with runs left today', { day, used_on_day: 9, used_runs: 9 }, GrantState.ACTIVE, ''],
    ['with none left today', { day, used_on_day: 10, used_runs: 10 }, GrantState.ACTIVE, 'day_spent'],
    ['with none left yesterday', { day: '2026-11-20', used_on_day: 10, used_runs: 10 }, GrantState.ACTIVE, ''],
    ['at its very end', { expires_at: new Date(noon) }, GrantState.EXPIRED, 'expired'],
    ['a millisecond before its end', { expires_at: new Date(noon + 1) }, GrantState.ACTIVE, ''],
    ['of somebody disabled', { disabled: true }, GrantState.ACTIVE, 'principal_disabled'],
    ['of a key that is gone', { right_lost: true }, GrantState.ACTIVE, 'right_lost'],
    ['spent', { state: 'spent', reason: 'spent' }, GrantState.SPENT, 'spent'],
    ['revoked', { state: 'revoked', reason: 'trigger_removed' }, GrantState.REVOKED, 'trigger_removed'],
    ['replaced', { state: 'replaced', reason: 'replaced' }, GrantState.REPLACED, 'replaced'],
  ])('%s', (_what, change, state, reason) => {
    expect(standing(aGrant(change), noon)).toEqual({ state, reason });
  });
});

describe('the day uses count on', () => {
  test('turns at midnight UTC', () => {
    const late = Date.parse('2026-11-21T23:59:59.999Z');
    expect(countedDay({ day }, late)).toBe(day);
    expect(countedDay({ day }, late + 1)).toBe('2026-11-22');
  });

  test('does not go back with the clock', () => {
    const used = { day: '2026-11-22', used_on_day: 7 };
    expect(countedDay(used, noon)).toBe('2026-11-22');
    expect(usedToday(used, noon)).toBe(7);
  });
});

test('says when it ended only once it has', () => {
  expect(grantToWire(aGrant(), noon)).not.toHaveProperty('revokedAt');
  expect(grantToWire(aGrant({ state: 'revoked', reason: 'revoked' }), noon)).toHaveProperty('revokedAt');
});
