/** Which fire times of a schedule have passed, and which of them still fire. Pure. */

import type { Times } from './cron-times.ts';

export type MisfireName = 'skip' | 'run_once' | 'run_all';

/** One fire time that has passed. */
export interface Tick {
  readonly at: number;
  /** Why it does not fire; undefined when it does. */
  readonly skip: 'misfire' | 'misfire_older' | undefined;
}

export interface MisfirePolicy {
  readonly misfire: MisfireName;
  /** Runs at most for `run_all`. */
  readonly cap: number;
  /** A fire time this late is still on time. */
  readonly graceMs: number;
}

/** Missed times that are put on record one by one; the oldest of those before them stands for the rest. */
export const maxRecorded = 100;

const hour = 3_600_000;
/** Looked back step by step, so that a long downtime of a busy schedule costs no more than a short one. */
const looks: readonly number[] = [3 * hour, 72 * hour, 60 * 24 * hour, 4 * 366 * 24 * hour];

/** The fire times in (cursor, now], oldest first, with what becomes of each. */
export function decideTicks(times: Times, cursor: number, now: number, policy: MisfirePolicy): readonly Tick[] {
  const { recent, older } = passed(times, cursor, now);
  const missed = recent.filter((at) => now - at > policy.graceMs);
  const fires = new Set(recent.slice(missed.length));
  for (const at of missed.slice(missed.length - many(policy))) fires.add(at);
  return [
    ...(older === undefined ? [] : [{ at: older, skip: 'misfire_older' as const }]),
    ...recent.map((at) => ({ at, skip: fires.has(at) ? undefined : ('misfire' as const) })),
  ];
}

/** How many of the missed times fire. */
function many({ misfire, cap }: MisfirePolicy): number {
  switch (misfire) {
    case 'skip':
      return 0;
    case 'run_once':
      return 1;
    case 'run_all':
      return Math.min(cap, maxRecorded);
  }
}

/** The newest times that have passed, and the oldest of those before them. */
function passed(times: Times, cursor: number, now: number): { recent: readonly number[]; older: number | undefined } {
  for (const look of [...looks, Number.POSITIVE_INFINITY]) {
    const from = Math.max(cursor, now - look);
    const found = within(times, from, now);
    if (from > cursor && found.length <= maxRecorded) continue;
    const recent = found.slice(-maxRecorded);
    if (from === cursor) return { recent, older: found.length > recent.length ? found[0] : undefined };
    const first = times.after(cursor);
    const [oldest] = recent;
    const before = first !== undefined && oldest !== undefined && first < oldest;
    return { recent, older: before ? first : undefined };
  }
  return { recent: [], older: undefined };
}

function within(times: Times, from: number, to: number): readonly number[] {
  const found: number[] = [];
  for (let at = times.after(from); at !== undefined && at <= to; at = times.after(at)) found.push(at);
  return found;
}
