/** What becomes of a firing, from its trigger and what of the trigger is not over. Pure, so that seeded histories can drive it. */

import { isConsented, type Trigger } from '../triggers/trigger.ts';

/** Who or what fires. */
export type Cause = 'clock' | 'event' | 'hand';

/** What of the same trigger is not over. */
export interface Live {
  /** Runs, and firings that are becoming one. */
  readonly runs: number;
  /** A firing that waits for them. */
  readonly waiting: boolean;
}

export type Decision =
  | { readonly decide: 'start' }
  | { readonly decide: 'skip'; readonly reason: string }
  | { readonly decide: 'refuse'; readonly reason: string }
  /** It waits; one that waited before it is skipped as superseded. */
  | { readonly decide: 'queue'; readonly reason: string };

export type Firable = Pick<Trigger, 'paused' | 'deletedAt' | 'overlap' | 'grant' | 'grantHash' | 'specHash'>;

export function decideFiring(trigger: Firable, cause: Cause, live: Live): Decision {
  if (trigger.deletedAt !== undefined) return { decide: 'skip', reason: 'removed' };
  // Whoever fires by hand has said what they want.
  if (trigger.paused && cause !== 'hand') return { decide: 'skip', reason: 'paused' };
  if (!isConsented(trigger)) return { decide: 'refuse', reason: 'consent_needed' };
  if (trigger.overlap === 'allow' || (live.runs === 0 && !live.waiting)) return { decide: 'start' };
  switch (trigger.overlap) {
    case 'skip':
      return { decide: 'skip', reason: 'overlap' };
    case 'queue_one':
      return { decide: 'queue', reason: 'overlap' };
    case 'replace':
      return { decide: 'queue', reason: 'replacing' };
  }
}

/** What becomes of a firing that waits, from its trigger as it is now; undefined while it goes on waiting. */
export function decideWaiting(trigger: Firable, liveRuns: number): Exclude<Decision, { decide: 'queue' }> | undefined {
  if (trigger.deletedAt !== undefined) return { decide: 'skip', reason: 'removed' };
  if (trigger.paused) return { decide: 'skip', reason: 'paused' };
  if (!isConsented(trigger)) return { decide: 'refuse', reason: 'consent_needed' };
  return liveRuns === 0 || trigger.overlap === 'allow' ? { decide: 'start' } : undefined;
}
