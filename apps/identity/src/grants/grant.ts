/** Grants: what is kept of one, what it is good for right now, and its wire form. Pure. */

import { type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type GrantSchema, GrantState } from '@sallyport/contracts/identity/v1/grant';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import type { WorkspaceClaim } from '@sallyport/core/claims';
import type { GrantStateName } from './grant.machine.ts';

export const triggerKinds = ['schedule', 'subscription'] as const;

export type TriggerKindName = (typeof triggerKinds)[number];

export interface Grant {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly key: string;
  readonly trigger_kind: TriggerKindName;
  readonly trigger_id: string;
  readonly trigger_name: string;
  readonly spec_hash: string;
  readonly scopes: readonly string[];
  readonly mounts: readonly WorkspaceClaim[];
  readonly max_runs: number;
  readonly max_per_day: number;
  readonly used_runs: number;
  /** UTC day, `2026-11-21`, that `used_on_day` counts; empty before the first use. */
  readonly day: string;
  readonly used_on_day: number;
  readonly state: GrantStateName;
  readonly reason: string;
  readonly changed_at: Date;
  readonly token: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  /** Whether the person is turned off. */
  readonly disabled: boolean;
  /** Kind of the person: `service` for a machine. */
  readonly subject_kind: 'user' | 'service';
  /** Whether the key consent was given by is revoked, expired, or may no longer ask for runs. */
  readonly right_lost: boolean;
}

const utcDay = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 10);

/** The day a use counts on. It never goes back, so that a clock that does gives no second allowance. */
export const countedDay = ({ day }: Pick<Grant, 'day'>, nowMs: number): string => {
  const today = utcDay(nowMs);
  return day > today ? day : today;
};

export const usedToday = (grant: Pick<Grant, 'day' | 'used_on_day'>, nowMs: number): number =>
  grant.day === countedDay(grant, nowMs) ? grant.used_on_day : 0;

export const isExpired = (grant: Pick<Grant, 'expires_at'>, nowMs: number): boolean =>
  grant.expires_at.getTime() <= nowMs;

interface Standing {
  readonly state: GrantState;
  /** Why it starts nothing, a stable word; empty while it does. */
  readonly reason: string;
}

const stored: Readonly<Record<GrantStateName, GrantState>> = {
  active: GrantState.ACTIVE,
  spent: GrantState.SPENT,
  revoked: GrantState.REVOKED,
  replaced: GrantState.REPLACED,
};

/** What a grant is good for at a moment. */
export function standing(grant: Grant, nowMs: number): Standing {
  if (grant.state !== 'active') return { state: stored[grant.state], reason: grant.reason };
  if (isExpired(grant, nowMs)) return { state: GrantState.EXPIRED, reason: 'expired' };
  const state = GrantState.ACTIVE;
  if (grant.disabled) return { state, reason: 'principal_disabled' };
  if (grant.right_lost) return { state, reason: 'right_lost' };
  if (usedToday(grant, nowMs) >= grant.max_per_day) return { state, reason: 'day_spent' };
  return { state, reason: '' };
}

export function grantToWire(grant: Grant, nowMs: number): MessageInitShape<typeof GrantSchema> {
  const { created_at: created, expires_at: expires } = grant;
  return {
    id: grant.id,
    org: grant.org,
    environment: grant.environment,
    subject: grant.subject,
    trigger: { kind: grant.trigger_kind, id: grant.trigger_id, specHash: grant.spec_hash, name: grant.trigger_name },
    terms: {
      maxRuns: BigInt(grant.max_runs),
      maxPerDay: BigInt(grant.max_per_day),
      ttlSeconds: BigInt(Math.round((expires.getTime() - created.getTime()) / 1_000)),
    },
    mounts: grant.mounts.map(({ id, mode }) => ({
      workspace: id,
      mode: mode === 'rw' ? MountMode.RW : MountMode.RO,
    })),
    scopes: [...grant.scopes],
    ...standing(grant, nowMs),
    usedRuns: BigInt(grant.used_runs),
    usedToday: BigInt(usedToday(grant, nowMs)),
    createdAt: timestampFromDate(created),
    expiresAt: timestampFromDate(expires),
    ...(grant.state === 'revoked' || grant.state === 'replaced'
      ? { revokedAt: timestampFromDate(grant.changed_at) }
      : {}),
    key: grant.key,
    token: grant.token,
  };
}
