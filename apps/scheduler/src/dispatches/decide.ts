/**
 * What to do next about a dispatch, from its row, the time and what its edge shows. Pure, so that seeded histories can drive it.
 *
 * The rule under everything: only an edge that answers can say that a workload does not exist. Silence never requeues, so a task is
 * not started twice; a bound on silence ends it instead, so a run does not hang.
 */

import { type Bounds, type Dispatch, renew, requeue, start, wait } from './dispatch.ts';

/** What the edge shows of the workload. */
export type Sight =
  | { readonly see: 'unasked' }
  /** No answer, or one that says nothing about the workload. */
  | { readonly see: 'silence' }
  /** The edge answers and does not know it. */
  | { readonly see: 'absence' }
  | { readonly see: 'live'; readonly epoch: number }
  /** Over, and its report may still be on the way. */
  | { readonly see: 'remains'; readonly epoch: number };

export type Step =
  | { readonly step: 'rest' }
  | { readonly step: 'lease' }
  /** Ask the edge, or tell it to stop the workload, then decide again on what it shows. */
  | { readonly step: 'look' }
  | { readonly step: 'stop' }
  /** Keep this row; the run is not affected. */
  | { readonly step: 'save'; readonly dispatch: Dispatch }
  /** End it and the run with it. */
  | { readonly step: 'end'; readonly outcome: 'failed' | 'cancelled'; readonly reason: string }
  /** End it by what is left of the workload. */
  | { readonly step: 'settle' };

const save = (dispatch: Dispatch): Step => ({ step: 'save', dispatch });
const failed = (reason: string): Step => ({ step: 'end', outcome: 'failed', reason });
const cancelled: Step = { step: 'end', outcome: 'cancelled', reason: 'cancelled' };

export function decide(dispatch: Dispatch, now: number, sight: Sight, bounds: Bounds): Step {
  switch (dispatch.state) {
    case 'queued':
      return decideQueued(dispatch, now);
    case 'leased':
      return decideLeased(dispatch, now, sight, bounds);
    case 'started':
      return decideStarted(dispatch, now, sight, bounds);
    case 'ended':
      return { step: 'rest' };
  }
}

function decideQueued(dispatch: Dispatch, now: number): Step {
  if (dispatch.wish === 'stop') return cancelled;
  return now >= dispatch.endsBy ? failed('queue_timeout') : { step: 'lease' };
}

function decideLeased(dispatch: Dispatch, now: number, sight: Sight, bounds: Bounds): Step {
  if (sight.see === 'unasked') return { step: dispatch.wish === 'stop' ? 'stop' : 'look' };
  const trace = sight.see === 'live' || sight.see === 'remains';
  if (trace && sight.epoch === dispatch.epoch) return save(start(dispatch, now, bounds));
  if (sight.see === 'silence') {
    if (now >= dispatch.leaseUntil + bounds.lostMs) return failed('edge_lost');
    return save(wait(dispatch, now + bounds.lookMs, 'edge_silent', now));
  }
  // An earlier offer was taken after all. Whatever it did, the task is not started again.
  if (trace && dispatch.wish === 'run') return failed('superseded');
  // The edge has nothing under this lease. Until it runs out, the offer may still be on its way there.
  if (now < dispatch.leaseUntil) return save(wait(dispatch, dispatch.leaseUntil, dispatch.reason, now));
  return dispatch.wish === 'stop' ? cancelled : save(requeue(dispatch, 'offer_expired', now));
}

function decideStarted(dispatch: Dispatch, now: number, sight: Sight, bounds: Bounds): Step {
  const overdue = now >= dispatch.endsBy;
  const stopping = overdue || dispatch.wish === 'stop';
  if (sight.see === 'unasked') return { step: stopping ? 'stop' : 'look' };
  const gone =
    sight.see === 'absence' || ((sight.see === 'live' || sight.see === 'remains') && sight.epoch !== dispatch.epoch);
  if (gone) return dispatch.wish === 'stop' ? cancelled : failed('lost');
  const hopeless = now >= dispatch.endsBy + bounds.lostMs;
  if (sight.see === 'remains')
    return hopeless
      ? { step: 'settle' }
      : troubled(dispatch, now, 'report_awaited', bounds.reportMs, { step: 'settle' }, bounds);
  if (hopeless) return failed(sight.see === 'live' ? 'max_lifetime' : 'edge_lost');
  if (sight.see === 'silence')
    return troubled(dispatch, now, 'edge_silent', bounds.lostMs, failed('edge_lost'), bounds);
  const seen = renew(dispatch, now, bounds);
  return save(stopping ? wait(seen, now + bounds.lookMs, 'stopping', now) : seen);
}

/** Waits out one kind of trouble up to its bound; a change of kind begins a new wait. */
function troubled(dispatch: Dispatch, now: number, kind: string, boundMs: number, then: Step, bounds: Bounds): Step {
  const since = dispatch.reason === kind ? (dispatch.troubledSince ?? now) : now;
  if (now - since >= boundMs) return then;
  return save({ ...wait(dispatch, now + bounds.lookMs, kind, now), troubledSince: since });
}
