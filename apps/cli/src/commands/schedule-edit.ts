/** `schedule create`, `schedule edit`: a schedule from options. */

import type { RunTemplate, Schedule } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, listOf, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { mountOf, taskOf } from './run-create.ts';
import { nextOf, scheduleView } from './schedule-views.ts';

export async function createSchedule(
  context: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const role = textOf(flags, 'role');
  const runner = textOf(flags, 'runner');
  if (textOf(flags, 'cron') === undefined)
    throw usage('the schedule cannot be created', 'it has no --cron', "add --cron '0 7 * * MON-FRI', or --cron @daily");
  if ((role === undefined) === (runner === undefined))
    throw usage(
      'the schedule cannot be created',
      'exactly one of --role and --runner is needed',
      'name the role that its runs have',
    );
  const body = { ...fieldsOf(flags), run: templateOf(context, flags, {}), paused: flags['paused'] === true };
  // A name that is taken is refused: what stands under it may be somebody's consent.
  await put(context, name, { ...body, ...consentOf(flags) }, { 'if-none-match': '*' }, 'created');
  return undefined;
}

export async function editSchedule(
  context: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  checkEdit(flags, context.passed, `sally schedule consent ${name}`);
  const before = await context.api.get<Schedule>(`/v1/schedules/${encodeURIComponent(name)}`);
  const run = templateOf(context, flags, before.run ?? {});
  const body = { ...before, ...fieldsOf(flags), run, ...consentOf(flags) };
  // What was read is what is changed: an edit in between answers a conflict.
  await put(context, name, body, { 'if-match': `"${before.version}"` }, 'changed');
  return undefined;
}

async function put(
  { api, printer }: Context,
  name: string,
  body: object,
  headers: Readonly<Record<string, string>>,
  done: string,
): Promise<void> {
  const stored = await api.send<Schedule>('PUT', `/v1/schedules/${encodeURIComponent(name)}`, body, headers);
  await printer.one(stored, scheduleView, () => [
    `schedule ${visibleLine(stored.name)} is ${done}; next ${visibleLine(nextOf(stored))}`,
    ...(stored.consent_needed
      ? [`it fires nothing until somebody consents: sally schedule consent ${visibleLine(stored.name)}`]
      : []),
  ]);
}

/** Options that say who consents and where to, rather than what a thing is. */
const besides: ReadonlySet<string> = new Set(['consent', 'output', 'url', 'token', 'timeout', 'input', 'verbose']);

/** An edit that changes nothing would ask for consent again all the same. */
export function checkEdit(flags: Flags, passed: readonly string[], consent: string): void {
  if (passed.length > 0 || Object.keys(flags).some((name) => !besides.has(name))) return;
  throw usage(
    'nothing is to be changed',
    'no option says what',
    `add one, such as --task TEXT; consent alone is ${consent}`,
  );
}

/** Options that are fields of the schedule itself; what is not given stays. */
function fieldsOf(flags: Flags): Record<string, unknown> {
  const cap = countOf(flags, 'misfireCap', '--misfire-cap');
  const fields = {
    cron: textOf(flags, 'cron'),
    time_zone: textOf(flags, 'timeZone'),
    misfire: textOf(flags, 'misfire')?.replaceAll('-', '_'),
    misfire_cap: cap,
    overlap: textOf(flags, 'overlap')?.replaceAll('-', '_'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What each run asks for; what is not given stays. */
export function templateOf(context: Context, flags: Flags, before: RunTemplate): object {
  const task = taskOf(context, flags);
  const mounts = listOf(flags, 'mount');
  const role = textOf(flags, 'role');
  const runner = textOf(flags, 'runner');
  const session = textOf(flags, 'session');
  const profile = textOf(flags, 'profile');
  return {
    ...before,
    ...(role === undefined ? {} : { role, runner: '' }),
    ...(runner === undefined ? {} : { runner, role: '' }),
    ...(task === undefined ? {} : { start: { inline: task } }),
    ...(context.passed.length === 0 ? {} : { argv: context.passed }),
    ...(mounts.length === 0 ? {} : { mounts: mounts.map(mountOf) }),
    ...(session === undefined ? {} : { session }),
    ...(profile === undefined ? {} : { profile }),
  };
}

/** Whoever writes a schedule with their own hands consents to it, unless they say otherwise. */
export function consentOf(flags: Flags): object {
  return flags['consent'] === false ? {} : { consent: true, terms: termsOf(flags) };
}

/** Bounds of a grant. */
export function termsOf(flags: Flags): object {
  const [runs, perDay] = [countOf(flags, 'maxRuns', '--max-runs'), countOf(flags, 'maxPerDay', '--max-per-day')];
  const expires = textOf(flags, 'expiresIn');
  return {
    ...(runs === undefined ? {} : { max_runs: runs }),
    ...(perDay === undefined ? {} : { max_per_day: perDay }),
    ...(expires === undefined ? {} : { ttl_seconds: lifeOf(expires) }),
  };
}

/** Longest life of a grant, in seconds. */
const longest = 90 * 86_400;

function lifeOf(duration: string): number {
  const seconds = Math.ceil(parseDuration(duration) / 1_000);
  if (seconds >= 1 && seconds <= longest) return seconds;
  throw usage('--expires-in is not usable', `${duration} is not between 1s and 90 days`, 'give at most 2160h');
}
