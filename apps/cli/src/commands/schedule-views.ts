/** How schedules and firings look. */

import type { Firing, RunTemplate, Schedule } from '../client/resources.ts';
import { showAge } from '../duration.ts';
import type { View } from '../output/printer.ts';
import { visibleLine } from '../output/visible.ts';
import { zoned } from '../output/zoned.ts';
import { mountsOf } from './views.ts';

/** What a schedule or subscription does, in a word. */
export const stateOf = (schedule: Pick<Schedule, 'paused' | 'consent_needed'>): string =>
  schedule.paused ? 'paused' : schedule.consent_needed ? 'needs consent' : 'on';

/** When it fires next, as its own zone has it. */
export const nextOf = ({ next_at, time_zone }: Schedule): string =>
  next_at === undefined ? 'never' : `${zoned(next_at, time_zone)} (${time_zone})`;

export const scheduleView: View<Schedule> = {
  name: (schedule) => schedule.name,
  kind: 'Schedule',
  empty: 'no schedules; make one: sally schedule create NAME --cron @daily --role ROLE --task TEXT',
  columns: [
    { title: 'name', of: (schedule) => schedule.name },
    { title: 'state', of: stateOf },
    { title: 'cron', of: (schedule) => schedule.cron, most: 24 },
    { title: 'zone', of: (schedule) => schedule.time_zone },
    { title: 'next', of: ({ next_at, time_zone }) => (next_at === undefined ? '' : zoned(next_at, time_zone)) },
    { title: 'runs', of: ({ run }) => run?.role || `(${run?.runner ?? ''})` },
    { title: 'overlap', of: (schedule) => schedule.overlap },
    { title: 'misfire', of: (schedule) => schedule.misfire },
  ],
};

export const firingView: View<Firing> = {
  name: (firing) => firing.id,
  empty: 'it has not fired yet',
  columns: [
    { title: 'due', of: (firing) => firing.due_at ?? '' },
    { title: 'outcome', of: (firing) => firing.outcome ?? 'deciding' },
    { title: 'why', of: (firing) => (firing.reason === firing.outcome ? '' : firing.reason), most: 40 },
    { title: 'run', of: (firing) => firing.run },
    { title: 'decided', of: (firing) => showAge(firing.decided_at, Date.now()) },
    { title: 'id', of: (firing) => firing.id },
  ],
};

/** Everything a person should know before they consent. */
export function describeSchedule(schedule: Schedule): string[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['name', schedule.name],
    ['id', schedule.id],
    ['state', stateOf(schedule)],
    ['cron', `${schedule.cron} (${schedule.time_zone})`],
    ['next', nextOf(schedule)],
    ...templateRows(schedule.run ?? {}),
    ['overlap', schedule.overlap],
    ['misfire', schedule.misfire === 'run_all' ? `run_all (at most ${schedule.misfire_cap})` : schedule.misfire],
    ['grant', schedule.grant],
    ['to consent', schedule.consent_needed ? `sally schedule consent ${schedule.name}` : ''],
    ['spec hash', schedule.spec_hash],
    ['version', String(schedule.version)],
    ['created', `${schedule.created_at ?? ''} by ${schedule.created_by}`],
  ];
  return rows.flatMap(([name, value = '']) => (value === '' ? [] : [`${name.padEnd(10)} ${visibleLine(value)}`]));
}

/** What each run asks for, row by row. */
export const templateRows = (run: RunTemplate): readonly (readonly [string, string | undefined])[] => [
  ['role', run.role],
  ['runner', run.runner],
  ['task', run.start?.inline ?? run.start?.path ?? run.start?.session],
  ['argv', run.argv?.join(' ')],
  ['mounts', mountsOf({ mounts: run.mounts ?? [] })],
  ['session', run.session],
];
