/** What a schedule whose time has come fires, and when its time comes again. Pure, so that seeded histories can drive it. */

import type { Times } from '../cron/cron-times.ts';
import { decideTicks, type MisfirePolicy } from '../cron/decide-ticks.ts';
import type { Wanted } from '../firings/plan-firings.ts';
import type { Trigger } from '../triggers/trigger.ts';

/** Decides every fire time up to `now`: one key for each, so that a time that was decided before is found again. */
export function decideDue(
  trigger: Trigger,
  times: Times,
  policy: MisfirePolicy,
  now: number,
): { readonly wanted: readonly Wanted[]; readonly nextAt: number | undefined } {
  const wanted = decideTicks(times, trigger.cursorAt, now, policy).map(({ at, skip }): Wanted => {
    return { trigger, key: String(at), dueAt: at, cause: 'clock', skip };
  });
  return { wanted, nextAt: times.after(now) };
}

/** Times that pass from here on are nobody's. */
export const pausedSchedule = (trigger: Trigger): Trigger => ({ ...trigger, paused: true, nextAt: undefined });

/** It goes on from now; what passed while it was paused is not made up for. */
export const resumedSchedule = (trigger: Trigger, times: Times, now: number): Trigger => ({
  ...trigger,
  paused: false,
  cursorAt: now,
  nextAt: times.after(now),
});
