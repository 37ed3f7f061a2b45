/** What becomes of firings that are wanted of triggers, taken one after the other. Pure, so that seeded histories can drive it. */

import type { Attachment, Unit } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import type { Trigger } from '../triggers/trigger.ts';
import { type Cause, type Decision, decideFiring, type Live } from './decide-firing.ts';
import { admit, type Firing, leave, refuse, skip } from './firing.ts';

/** A firing that is wanted of a trigger which nobody else may decide about meanwhile. */
export interface Wanted {
  readonly trigger: Trigger;
  readonly key: string;
  readonly dueAt: number;
  readonly cause: Cause;
  readonly event?: string;
  readonly attachments?: readonly Attachment[];
  /** Decided already: it is put on record as skipped for this reason. */
  readonly skip?: string | undefined;
  /** Whoever has room first starts it, and not whoever decides it. */
  readonly left?: boolean;
}

/** What of a trigger is not over. */
export interface Pending {
  /** Runs, and firings that are becoming one. */
  readonly runs: number;
  /** Ids of firings that wait. */
  readonly waiting: readonly string[];
}

export interface Plan {
  /** One for each that was wanted, in their order. */
  readonly firings: readonly Firing[];
  /** Firings of before whose place was taken. */
  readonly superseded: readonly string[];
}

/** Makes the envelope of a firing; throws the fault of what does not fit. */
export type Compose = (trigger: Trigger, firing: Firing) => Unit;

/** Where what is new about a firing comes from. */
export interface Makers {
  readonly unit: Compose;
  readonly id: () => string;
}

/** Decides firings whose keys are free. */
export function planFirings(
  wanted: readonly Wanted[],
  pending: ReadonlyMap<string, Pending>,
  make: Makers,
  now: number,
): Plan {
  const runs = new Map([...pending].map(([trigger, own]) => [trigger, own.runs]));
  const before = new Map([...pending].map(([trigger, own]) => [trigger, [...own.waiting]]));
  /** Where in the plan the firing stands that waits. */
  const waiting = new Map<string, number>();
  const firings: Firing[] = [];
  const superseded: string[] = [];
  for (const each of wanted) {
    const { id } = each.trigger;
    const own = before.get(id) ?? [];
    const place = waiting.get(id);
    const live = { runs: runs.get(id) ?? 0, waiting: own.length > 0 || place !== undefined };
    const firing = decided(each, live, make, now);
    if (firing.state === 'deciding') runs.set(id, live.runs + 1);
    if (firing.state === 'queued') {
      // At most one firing of a trigger waits.
      superseded.push(...own.splice(0));
      const earlier = place === undefined ? undefined : firings[place];
      if (place !== undefined && earlier !== undefined) firings[place] = skip(earlier, 'superseded', now);
      waiting.set(id, firings.length);
    }
    firings.push(firing);
  }
  return { firings, superseded };
}

function decided(wanted: Wanted, live: Live, make: Makers, now: number): Firing {
  const firing = fresh(wanted, make.id(), now);
  if (wanted.skip !== undefined) return skip(firing, wanted.skip, now);
  const decision = decideFiring(wanted.trigger, wanted.cause, live);
  if (decision.decide === 'queue') return { ...firing, reason: decision.reason };
  const after = applied(firing, wanted.trigger, decision, make.unit, now);
  return wanted.left === true && after.state === 'deciding' ? leave(after) : after;
}

/** A waiting firing as a decision leaves it. */
export function applied(
  firing: Firing,
  trigger: Trigger,
  decision: Exclude<Decision, { decide: 'queue' }>,
  compose: Compose,
  now: number,
): Firing {
  if (decision.decide === 'skip') return skip(firing, decision.reason, now);
  if (decision.decide === 'refuse') return refuse(firing, decision.reason, now);
  try {
    return admit(firing, compose(trigger, firing), trigger.specHash, now);
  } catch (error) {
    if (error instanceof Fault) return refuse(firing, error.reason, now);
    throw error;
  }
}

const fresh = ({ trigger, key, dueAt, event = '', attachments = [] }: Wanted, id: string, now: number): Firing => ({
  id,
  org: trigger.org,
  environment: trigger.environment,
  trigger: trigger.id,
  key,
  state: 'queued',
  reason: 'queued',
  dueAt,
  madeAt: now,
  decidedAt: undefined,
  event,
  run: '',
  unit: undefined,
  specHash: trigger.specHash,
  attachments,
  open: true,
  leaseUntil: 0,
  tries: 0,
});
