/** A firing as the scheduler keeps it, and its only moves. Pure: the store writes what these functions answer. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Firing as FiringMessage, FiringOutcome, FiringSchema } from '@sallyport/contracts/schedule/v1/trigger';
import type { Attachment, Unit } from '@sallyport/contracts/unit/v1/unit';
import { type FiringMove, type FiringStateName, firingMachine } from './firing.machine.ts';

export interface Firing {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly trigger: string;
  /** Unique in the trigger: the tick in milliseconds, the event id, or `now:` and the key of whoever fired by hand. */
  readonly key: string;
  readonly state: FiringStateName;
  /** A stable word. */
  readonly reason: string;
  readonly dueAt: number;
  readonly madeAt: number;
  readonly decidedAt: number | undefined;
  /** Id of the event; empty when there is none. */
  readonly event: string;
  /** Run it starts, given before identity is asked; empty while it waits and when there is none. */
  readonly run: string;
  /** Envelope that identity is asked about, fixed from `deciding` on. */
  readonly unit: Unit | undefined;
  /** Spec of the trigger that the envelope was made from. */
  readonly specHash: string;
  /** What its envelope will hold; none once the envelope is made or never will be. */
  readonly attachments: readonly Attachment[];
  /** False once nothing of it can overlap with another firing of the trigger. */
  readonly open: boolean;
  /** Until then one scheduler works on it. */
  readonly leaseUntil: number;
  readonly tries: number;
}

/** Which firing it is, for whoever reads the rest under a lock. */
export type NamedFiring = Pick<Firing, 'id' | 'org' | 'trigger'>;

/** What of a firing is shown, and what a history reads: neither envelope nor attachments. */
export type ShownFiring = Pick<Firing, 'id' | 'trigger' | 'state' | 'reason' | 'dueAt' | 'decidedAt' | 'event' | 'run'>;

/** A scheduler that died between deciding and starting is replaced after this long. */
export const leaseMs = 15_000;

function moved(firing: Firing, move: FiringMove, change: Partial<Firing>): Firing {
  const state = firingMachine.next(firing.state, move);
  if (state === undefined) throw new Error(`firing ${firing.id} is ${firing.state}: ${move} is no move of it`);
  // Whatever a firing that waits becomes, its attachments are in its envelope by then, or in no use.
  return { ...firing, ...change, state, attachments: [] };
}

/** Its envelope is made and identity is to be asked. */
export const admit = (firing: Firing, unit: Unit, specHash: string, now: number): Firing =>
  moved(firing, 'admit', { unit, run: unit.run, specHash, reason: 'deciding', leaseUntil: now + leaseMs, tries: 1 });

/** Nobody works on it yet: whoever claims it first starts it, what has been due longest before the rest. */
export const leave = (firing: Firing): Firing => ({ ...firing, leaseUntil: firing.dueAt, tries: 0 });

/** It is a run. It stays open until the run is seen to be over. */
export const start = (firing: Firing, now: number): Firing =>
  moved(firing, 'start', { reason: 'started', decidedAt: now, unit: undefined });

export const skip = (firing: Firing, reason: string, now: number): Firing =>
  moved(firing, 'skip', { reason, decidedAt: now, open: false });

/** Its run never is: the id is not shown. */
export const refuse = (firing: Firing, reason: string, now: number): Firing =>
  moved(firing, 'refuse', { reason, decidedAt: now, open: false, unit: undefined, run: '' });

const backoffMs = (tries: number): number => Math.min(30_000, 250 * 2 ** Math.min(tries, 7));

/** Identity could not be asked: again later, for the same run. */
export const postpone = (firing: Firing, reason: string, now: number): Firing => ({
  ...firing,
  reason,
  leaseUntil: now + backoffMs(firing.tries),
});

const outcomes = {
  queued: FiringOutcome.QUEUED,
  deciding: FiringOutcome.UNSPECIFIED,
  started: FiringOutcome.STARTED,
  skipped: FiringOutcome.SKIPPED,
  refused: FiringOutcome.REFUSED,
} as const satisfies Record<FiringStateName, FiringOutcome>;

/** The firing as the contract shows it. */
export const firingWire = (firing: ShownFiring): FiringMessage =>
  create(FiringSchema, {
    id: firing.id,
    trigger: firing.trigger,
    dueAt: timestampFromMs(firing.dueAt),
    ...(firing.decidedAt === undefined ? {} : { decidedAt: timestampFromMs(firing.decidedAt) }),
    outcome: outcomes[firing.state],
    reason: firing.reason,
    run: firing.state === 'started' ? firing.run : '',
    event: firing.event,
  });
