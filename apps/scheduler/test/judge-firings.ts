/** What a history of firings left that must never be. */

import type { FiringTables } from './firing-tables.ts';

/** Held here because a test runner's globals are slow to look up. */
const { floor } = Math;

export interface Facts {
  readonly schedule: string;
  readonly subscription: string;
  /** Whether a whole minute is a fire time of the schedule. */
  readonly isTime: (minute: number) => boolean;
  /** Spans of time that schedulers decided, or had to. */
  readonly spans: readonly (readonly [from: number, to: number])[];
  /** Runs that identity authorised, and those it was told are over. */
  readonly authorized: ReadonlySet<string>;
  readonly closed: ReadonlySet<string>;
}

/** One line for each broken promise, once everything that could go on has gone on. */
export const judge = (tables: FiringTables, facts: Facts): readonly string[] => [
  ...doubled(tables),
  ...stuck(tables),
  ...forgotten(tables, facts),
];

/** Fire times, events and keys that made more than one run. */
function doubled({ firings, runs }: FiringTables): readonly string[] {
  const runsOf = new Map<string, number>();
  for (const { firing } of runs.values()) {
    const { trigger, key, event } = firings.get(firing) ?? { trigger: '', key: '', event: '' };
    const cause = `${trigger} ${event === '' ? key : event}`;
    runsOf.set(cause, (runsOf.get(cause) ?? 0) + 1);
  }
  return [...runsOf].filter(([, count]) => count > 1).map(([cause, count]) => `${cause} has ${count} runs`);
}

/** Firings that never come to an end, or to one that is not so. */
function stuck({ firings, runs }: FiringTables): readonly string[] {
  const wrong: string[] = [];
  for (const { trigger, key, state, run } of firings.values()) {
    if (state === 'deciding' || state === 'queued') wrong.push(`${trigger} ${key} is ${state} for ever`);
    if (state === 'started' && !runs.has(run)) wrong.push(`${trigger} ${key} started nothing`);
  }
  return wrong;
}

/** Fire times, events and authorised runs that nobody knows of. */
function forgotten({ firings, runs, events }: FiringTables, facts: Facts): readonly string[] {
  const { schedule, subscription, isTime, spans, authorized, closed } = facts;
  const recorded = new Set([...firings.values()].map(({ trigger, key }) => `${trigger} ${key}`));
  const wrong: string[] = [];
  for (const [from, to] of spans)
    for (let at = floor(from / 60_000) * 60_000 + 60_000; at <= to; at += 60_000)
      if (recorded.has(`${schedule} ${at}`) !== isTime(at)) wrong.push(`${at} is on record: ${!isTime(at)}`);
  for (const { id, matched } of events.values())
    if (!matched || !recorded.has(`${subscription} ${id}`)) wrong.push(`${id} fired nothing`);
  for (const run of authorized) if (!runs.has(run) && !closed.has(run)) wrong.push(`${run} was authorised and left`);
  return wrong;
}
