/** `schedule ls`, `get`, `pause`, `resume`, `run`, `consent`, `rm`. */

import { randomUUID } from 'node:crypto';
import type { Firing, Grant, Schedule } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { type Flags, isSet, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { termsOf } from './schedule-edit.ts';
import { describeSchedule, firingView, nextOf, scheduleView, stateOf } from './schedule-views.ts';
import { grantView } from './views.ts';
import { followRun } from './watch.ts';

const path = (name: string): string => `/v1/schedules/${encodeURIComponent(name)}`;

export async function listSchedules({ api, printer }: Context): Promise<undefined> {
  await printer.list(await api.all<Schedule>('/v1/schedules'), scheduleView);
  return undefined;
}

export async function getSchedule(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const schedule = await api.get<Schedule>(path(name));
  await printer.one(schedule, scheduleView, () => describeSchedule(schedule));
  return undefined;
}

export async function pauseSchedule(
  context: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  return act(context, name, 'pause');
}

export async function resumeSchedule(
  context: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  return act(context, name, 'resume');
}

async function act({ api, printer }: Context, name: string, verb: string): Promise<undefined> {
  const schedule = await api.send<Schedule>('POST', `${path(name)}:${verb}`, {});
  await printer.one(schedule, scheduleView, () => [
    `schedule ${visibleLine(schedule.name)} is ${stateOf(schedule)}; next ${visibleLine(nextOf(schedule))}`,
  ]);
  return undefined;
}

export async function runSchedule(
  context: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  const { api, printer } = context;
  // One key per command line, so that a retry of the request within it is never a second run.
  const key = textOf(flags, 'idempotencyKey') ?? randomUUID();
  const firing = await api.send<Firing>('POST', `${path(name)}:run`, {}, { 'idempotency-key': key });
  if (isSet(flags, 'wait') && firing.run !== '')
    return followRun(context, firing.run, { byResult: true, verbose: isSet(flags, 'verbose') });
  const none = firing.outcome === 'refused' || firing.outcome === 'skipped';
  if (none && !printer.isData) throw startedNone(name, firing);
  await printer.one(firing, firingView, () => [
    firing.run === ''
      ? `no run yet: ${visibleLine(firing.outcome ?? 'deciding')} (${visibleLine(firing.reason)})`
      : visibleLine(firing.run),
  ]);
  return none ? exit.conflict : exit.ok;
}

/** A firing without a run, as an error with its next step. */
function startedNone(name: string, { outcome, reason }: Firing): Failure {
  const next =
    reason === 'consent_needed' || reason.startsWith('identity.grant_')
      ? `consent to it as it is: sally schedule consent ${name}`
      : reason === 'overlap'
        ? 'wait for its run, or end it (`sally ps`), or edit it with --overlap allow'
        : `see what it did before: sally schedule history ${name}`;
  return Failure.of(
    exit.conflict,
    reason,
    `schedule ${name} started no run`,
    `the firing was ${outcome ?? 'not decided'}`,
    next,
  );
}

export async function consentSchedule(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const schedule = await api.get<Schedule>(path(name));
  // What is shown is what is consented to: if it changes in between, the consent is refused.
  if (printer.format === 'table') for (const line of describeSchedule(schedule)) printer.note(line);
  const body = { spec_hash: textOf(flags, 'specHash') ?? schedule.spec_hash, terms: termsOf(flags) };
  const grant = await api.send<Grant>('POST', `${path(name)}:consent`, body);
  await printer.one(grant, grantView(Date.now()), () => [
    `schedule ${visibleLine(schedule.name)} runs on grant ${visibleLine(grant.id)} until ${grant.expires_at ?? ''}`,
  ]);
  return undefined;
}

export async function removeSchedule(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  await api.ask(path(name), { method: 'DELETE' });
  if (!printer.isData) printer.line(`schedule ${visibleLine(name)} is removed; its grant ends and its history stays`);
  return undefined;
}
