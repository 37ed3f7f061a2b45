import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { TriggerKind, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import type { WorkspaceClaim } from '@sallyport/core/claims';
import { type Firing, firingRefusal, strangerRefusal } from './check-firing.ts';
import { aGrant, noon } from './grant.builder.ts';
import type { Grant } from './grant.ts';

const grant = aGrant();

interface Change {
  readonly grant?: Partial<Grant>;
  readonly unit?: Partial<Unit>;
  readonly identity?: Record<string, string>;
  readonly fired?: { kind?: TriggerKind; source?: string };
  readonly trigger?: Partial<Firing['trigger']>;
  readonly mounts?: readonly WorkspaceClaim[];
}

function aFiring(change: Change): Firing {
  const identity = { org: 'acme', environment: 'main', subject: grant.subject, launcher: grant.trigger_id };
  return {
    unit: create(UnitSchema, {
      identity: { ...identity, ...change.identity },
      trigger: { kind: TriggerKind.CRON, source: grant.trigger_id, grant: grant.id, ...change.fired },
    }),
    trigger: {
      kind: 'schedule',
      id: grant.trigger_id,
      name: 'nightly',
      specHash: grant.spec_hash,
      ...change.trigger,
    },
    mounts: change.mounts ?? [{ id: 'demo', mode: 'rw' }],
  };
}

const refusal = (change: Change) => firingRefusal(aGrant(change.grant), aFiring(change), noon);

const other = `sch_${'1'.repeat(26)}`;
const day = '2026-11-21';

const refusals: [string, Change, string, Record<string, string>?][] = [
  ['a revoked grant', { grant: { state: 'revoked', reason: 'revoked' } }, 'identity.grant_revoked', { why: 'revoked' }],
  ['a replaced grant', { grant: { state: 'replaced', reason: 'replaced' } }, 'identity.grant_revoked'],
  ['an expired grant', { grant: { expires_at: new Date(noon) } }, 'identity.grant_expired'],
  ['a disabled person', { grant: { disabled: true } }, 'identity.principal_disabled'],
  ['a key that is gone', { grant: { right_lost: true } }, 'identity.grant_right_lost'],
  ['another kind of trigger', { trigger: { kind: 'subscription' } }, 'identity.grant_trigger'],
  ['another trigger', { trigger: { id: other } }, 'identity.grant_trigger', { field: 'trigger.id' }],
  ['a unit of another trigger', { fired: { source: other } }, 'identity.grant_trigger'],
  ['a unit another fired', { identity: { launcher: other } }, 'identity.grant_trigger'],
  ['a unit that a person launches', { identity: { launcher: grant.subject } }, 'identity.grant_trigger'],
  ['a unit fired by something else', { fired: { kind: TriggerKind.NOW } }, 'identity.grant_trigger'],
  ['an edited trigger', { trigger: { specHash: 'b'.repeat(64) } }, 'identity.grant_changed'],
  ['another user', { identity: { subject: 'usr_eve' } }, 'identity.grant_subject', { field: 'subject' }],
  ['another environment', { identity: { environment: 'lab' } }, 'identity.grant_subject', { field: 'environment' }],
  ['a key without the scope', { grant: { scopes: ['grant:write'] } }, 'identity.grant_scope'],
  ['a workspace not covered', { mounts: [{ id: 'payroll', mode: 'ro' }] }, 'identity.grant_mounts'],
  ['ro turned into rw', { mounts: [{ id: 'company', mode: 'rw' }] }, 'identity.grant_mounts', { workspace: 'company' }],
  ['the run after the last', { grant: { state: 'spent', used_runs: 100 } }, 'identity.grant_spent'],
  ['a full count in an active row', { grant: { used_runs: 100 } }, 'identity.grant_spent'],
  ['the run after the last of the day', { grant: { day, used_on_day: 10 } }, 'identity.grant_day_spent'],
];

describe('a firing is refused for', () => {
  test.each(refusals)('%s', (_what, change, reason, detail = {}) => {
    expect(refusal(change)).toMatchObject({ reason, detail });
  });
});

describe('a firing is allowed', () => {
  test.each<[string, Change]>([
    ['as it was consented to', {}],
    ['with less than was consented to', { mounts: [{ id: 'demo', mode: 'ro' }] }],
    ['with no mounts', { mounts: [] }],
    ['by a key of every scope', { grant: { scopes: ['*'] } }],
    ['on the day after a full one', { grant: { day: '2026-11-20', used_on_day: 10 } }],
  ])('%s', (_what, change) => {
    expect(refusal(change)).toBeUndefined();
  });
});

describe('a firing that is recorded already', () => {
  test('stands whatever became of the grant', () => {
    for (const change of [{ state: 'spent' }, { right_lost: true }, { expires_at: new Date(0) }] as const)
      expect(strangerRefusal(aGrant(change), aFiring({}))).toBeUndefined();
    expect(strangerRefusal(grant, aFiring({ trigger: { specHash: 'b'.repeat(64) } }))).toBeUndefined();
  });

  test('does not stand for another', () => {
    expect(strangerRefusal(grant, aFiring({ trigger: { id: other } }))).toBeDefined();
    expect(strangerRefusal(grant, aFiring({ identity: { subject: 'usr_eve' } }))).toBeDefined();
  });
});
