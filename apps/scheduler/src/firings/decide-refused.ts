/** What becomes of a firing that identity did not authorise, from the fault it answered. Pure, so that seeded histories can drive it. */

import type { Fault } from '@sallyport/core/fault';
import { type Firing, postpone, refuse } from './firing.ts';

export interface Refused {
  readonly firing: Firing;
  /** Nothing was decided: the same run is asked for again. */
  readonly again: boolean;
  /** The fault is about the grant or who gave it: until somebody consents again, every other firing is refused too. */
  readonly endsGrant: boolean;
}

/** A firing that identity cannot be asked about waits `patienceMs` at most, from when it was made. */
export function decideRefused(firing: Firing, fault: Fault, now: number, patienceMs: number): Refused {
  const { code, reason, retryable } = fault;
  const unasked = (retryable && code !== 'resource_exhausted') || code === 'internal';
  if (unasked && now < firing.madeAt + patienceMs)
    return { firing: postpone(firing, reason, now), again: true, endsGrant: false };
  return { firing: refuse(firing, reason, now), again: false, endsGrant: isOfGrant(reason) };
}

const isOfGrant = (reason: string): boolean =>
  (reason.startsWith('identity.grant_') && reason !== 'identity.grant_day_spent') ||
  reason === 'identity.principal_disabled';
