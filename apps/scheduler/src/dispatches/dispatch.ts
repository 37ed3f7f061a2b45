/** A dispatch as the scheduler keeps it, and its only moves. Pure: the store writes what these functions answer. */

import { type DispatchMove, type DispatchStateName, dispatchMachine } from './dispatch.machine.ts';

export interface Dispatch {
  readonly id: string;
  readonly org: string;
  readonly run: string;
  readonly attempt: number;
  readonly state: DispatchStateName;
  /** Why it is in this state: a stable word. */
  readonly reason: string;
  readonly since: number;
  readonly version: number;
  readonly runner: string;
  readonly profile: string;
  /** What is wanted of it; never a state. */
  readonly wish: 'run' | 'stop';
  /** Sentence of whoever wishes it stopped. */
  readonly why: string;
  /** Fences everything done under an earlier lease. */
  readonly epoch: number;
  readonly edge: string | undefined;
  /** Leases given so far; sets the pace of the next. */
  readonly offers: number;
  readonly createdAt: number;
  /** When it next needs attention, whatever happens. */
  readonly dueAt: number;
  readonly leaseUntil: number;
  /** Bound of the phase: of waiting until started, of running from then on. */
  readonly endsBy: number;
  readonly lifetimeMs: number;
  /** Since when the edge is silent or owes a report. */
  readonly troubledSince: number | undefined;
  /** Last recorded transition of the workload. */
  readonly workloadSeq: number;
  /** Added to a dispatch's output sequence to make it a sequence of the run. */
  readonly outputOffset: number;
  /** Whether it has nothing to do but wait for input, and when it last took or ended one: as its output told. */
  readonly waiting: boolean;
  readonly inputAt: number | undefined;
}

/** Every bound of the scheduler, in milliseconds. */
export interface Bounds {
  /** An offer that the edge has not taken by then is void; longer than the calls that carry it. */
  readonly offerMs: number;
  /** A lease without a heartbeat. */
  readonly leaseMs: number;
  /** Between two looks at a workload in trouble. */
  readonly lookMs: number;
  /** Silence of an edge after which what it ran counts as lost. */
  readonly lostMs: number;
  /** Wait for an edge with room. */
  readonly queueMs: number;
  /** Wait for the report of a workload that was seen to be over. */
  readonly reportMs: number;
  /** Beyond a unit's lifetime: start, grace, capture. */
  readonly marginMs: number;
}

function moved(dispatch: Dispatch, move: DispatchMove, now: number, change: Partial<Dispatch>): Dispatch {
  const state = dispatchMachine.next(dispatch.state, move);
  if (state === undefined) throw new Error(`dispatch ${dispatch.id} is ${dispatch.state}: ${move} is no move of it`);
  return { ...dispatch, since: now, troubledSince: undefined, ...change, state };
}

/** Offers it to an edge under the next epoch. */
export const lease = (dispatch: Dispatch, edge: string, now: number, bounds: Bounds): Dispatch =>
  moved(dispatch, 'lease', now, {
    edge,
    epoch: dispatch.epoch + 1,
    offers: dispatch.offers + 1,
    leaseUntil: now + bounds.offerMs,
    dueAt: now + bounds.offerMs,
    reason: 'leased',
  });

/** A lease that was never given because the edge had filled up: its epoch is spent all the same, as a token may name it. */
export const unplaced = (leased: Dispatch, dueAt: number): Dispatch => ({
  ...leased,
  state: 'queued',
  reason: 'no_capacity',
  edge: undefined,
  offers: 0,
  leaseUntil: 0,
  dueAt,
});

/** The edge is known to hold it. */
export const start = (dispatch: Dispatch, now: number, bounds: Bounds): Dispatch => {
  const endsBy = now + dispatch.lifetimeMs + bounds.marginMs;
  const dueAt = Math.min(now + bounds.leaseMs, endsBy);
  return moved(dispatch, 'start', now, { leaseUntil: now + bounds.leaseMs, endsBy, dueAt, reason: 'starting' });
};

const backoffMs = (offers: number): number => Math.min(10_000, 250 * 2 ** Math.min(offers, 7));

/** Back to the queue: nothing of it exists anywhere. */
export const requeue = (dispatch: Dispatch, reason: string, now: number): Dispatch =>
  moved(dispatch, 'requeue', now, { edge: undefined, dueAt: now + backoffMs(dispatch.offers), reason });

export const end = (dispatch: Dispatch, reason: string, now: number): Dispatch =>
  moved(dispatch, 'end', now, { dueAt: now, reason });

/** Attention later, with the reason that is shown meanwhile. */
export const wait = (dispatch: Dispatch, until: number, reason: string, now: number): Dispatch =>
  reason === dispatch.reason ? { ...dispatch, dueAt: until } : { ...dispatch, dueAt: until, reason, since: now };

/** What waits is found by room as it appears; a look of its own is for what nobody noticed, and comes at the latest after this long. */
const longestLookMs = 30_000;

/** No edge has room for it: the longer it has waited, the longer until its next look, so that a backlog costs little. */
export function waitForRoom(
  dispatch: Dispatch,
  reason: 'no_edge' | 'no_capacity',
  now: number,
  lookMs: number,
): Dispatch {
  const patience = Math.max(lookMs, Math.min(longestLookMs, Math.floor((now - dispatch.createdAt) / 4)));
  return wait(dispatch, Math.min(dispatch.endsBy, now + patience), reason, now);
}

/** Seen alive: the lease goes on and trouble is forgotten. */
export const renew = (dispatch: Dispatch, now: number, bounds: Bounds): Dispatch => ({
  ...dispatch,
  ...(dispatch.troubledSince === undefined ? {} : { reason: 'running', since: now }),
  leaseUntil: now + bounds.leaseMs,
  dueAt: dispatch.wish === 'stop' ? dispatch.dueAt : Math.min(now + bounds.leaseMs, dispatch.endsBy),
  troubledSince: undefined,
});

/** A person wants it gone. */
export const wishStop = (dispatch: Dispatch, why: string, now: number): Dispatch => ({
  ...dispatch,
  wish: 'stop',
  why,
  dueAt: now,
});
