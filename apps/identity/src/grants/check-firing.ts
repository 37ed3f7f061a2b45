/**
 * Whether a grant allows one firing. Pure: every fact is in its arguments, and the first refusal in this order is the answer:
 * the grant's own end, the person, the trigger, what the unit asks for, what is left.
 */

import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { TriggerKind } from '@sallyport/contracts/unit/v1/unit';
import type { WorkspaceClaim } from '@sallyport/core/claims';
import type { Fault } from '@sallyport/core/fault';
import {
  grantChanged,
  grantDaySpent,
  grantExpired,
  grantMounts,
  grantRevoked,
  grantRightLost,
  grantScope,
  grantSpent,
  grantSubject,
  grantTrigger,
  principalDisabled,
} from '../faults.ts';
import type { Consent } from './consent.ts';
import { type Grant, isExpired, usedToday } from './grant.ts';

export interface Firing {
  readonly unit: Unit;
  readonly trigger: Consent['trigger'];
  /** Mounts of the unit. */
  readonly mounts: readonly WorkspaceClaim[];
}

/** Why the grant does not allow the firing; undefined when it does. */
export const firingRefusal = (grant: Grant, firing: Firing, nowMs: number): Fault | undefined =>
  ended(grant) ??
  personRefusal(grant) ??
  (isExpired(grant, nowMs) ? grantExpired(grant.id) : undefined) ??
  triggerRefusal(grant, firing) ??
  askedRefusal(grant, firing) ??
  leftRefusal(grant, nowMs);

/** Why a firing that is recorded already is not the grant's own; what has changed since does not undo it. */
export const strangerRefusal = (grant: Grant, firing: Firing): Fault | undefined =>
  triggerIdRefusal(grant, firing) ?? askedRefusal(grant, firing);

const ended = ({ id, state, reason }: Grant): Fault | undefined =>
  state === 'revoked' || state === 'replaced' ? grantRevoked(id, reason) : undefined;

function personRefusal({ id, subject, key, disabled, right_lost }: Grant): Fault | undefined {
  if (disabled) return principalDisabled(subject);
  return right_lost ? grantRightLost(id, key) : undefined;
}

const kinds = { schedule: TriggerKind.CRON, subscription: TriggerKind.EVENT } as const;

const triggerRefusal = (grant: Grant, firing: Firing): Fault | undefined =>
  triggerIdRefusal(grant, firing) ?? (firing.trigger.specHash === grant.spec_hash ? undefined : grantChanged(grant.id));

function triggerIdRefusal(grant: Grant, { unit, trigger }: Firing): Fault | undefined {
  const { id } = grant;
  if (trigger.kind !== grant.trigger_kind) return grantTrigger(id, 'trigger.kind');
  if (trigger.id !== grant.trigger_id) return grantTrigger(id, 'trigger.id');
  if (unit.trigger?.kind !== kinds[grant.trigger_kind]) return grantTrigger(id, 'unit.trigger.kind');
  if (unit.trigger.source !== grant.trigger_id) return grantTrigger(id, 'unit.trigger.source');
  if (unit.identity?.launcher !== grant.trigger_id) return grantTrigger(id, 'unit.identity.launcher');
  return undefined;
}

function askedRefusal(grant: Grant, { unit, mounts }: Firing): Fault | undefined {
  if (unit.identity?.subject !== grant.subject) return grantSubject(grant.id, 'subject');
  if (unit.identity.environment !== grant.environment) return grantSubject(grant.id, 'environment');
  if (!grant.scopes.includes('*') && !grant.scopes.includes('run:create')) return grantScope('run:create');
  const modes = new Map(grant.mounts.map(({ id, mode }) => [id, mode]));
  const wider = mounts.find(({ id, mode }) => {
    const most = modes.get(id);
    return most === undefined || (mode === 'rw' && most === 'ro');
  });
  return wider === undefined ? undefined : grantMounts(grant.id, wider.id);
}

function leftRefusal(grant: Grant, nowMs: number): Fault | undefined {
  if (grant.state === 'spent' || grant.used_runs >= grant.max_runs) return grantSpent(grant.id);
  return usedToday(grant, nowMs) >= grant.max_per_day ? grantDaySpent(grant.id) : undefined;
}
