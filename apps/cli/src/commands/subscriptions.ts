/** `subscription create`, `edit`, `ls`, `get`, `history`, `consent`, `rm`. */

import type { Firing, Grant, Subscription } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, listOf, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { checkEdit, consentOf, templateOf, termsOf } from './schedule-edit.ts';
import { firingView } from './schedule-views.ts';
import { describeSubscription, subscriptionView } from './subscription-views.ts';
import { grantView } from './views.ts';

type Args = readonly (string | undefined)[];

const path = (name: string): string => `/v1/subscriptions/${encodeURIComponent(name)}`;

export async function createSubscription(context: Context, [name = '']: Args, flags: Flags): Promise<undefined> {
  if ((textOf(flags, 'role') === undefined) === (textOf(flags, 'runner') === undefined))
    throw usage(
      'the subscription cannot be created',
      'exactly one of --role and --runner is needed',
      'name the role that its runs have',
    );
  const body = { ...fieldsOf(flags), run: templateOf(context, flags, {}), ...consentOf(flags) };
  await put(context, name, body, { 'if-none-match': '*' }, 'created');
  return undefined;
}

export async function editSubscription(context: Context, [name = '']: Args, flags: Flags): Promise<undefined> {
  checkEdit(flags, context.passed, `sally subscription consent ${name}`);
  const before = await context.api.get<Subscription>(path(name));
  const run = templateOf(context, flags, before.run ?? {});
  // What was read is what is changed: an edit in between answers a conflict.
  const ifMatch = { 'if-match': `"${before.version}"` };
  await put(context, name, { ...before, ...fieldsOf(flags), run, ...consentOf(flags) }, ifMatch, 'changed');
  return undefined;
}

async function put(
  { api, printer }: Context,
  name: string,
  body: object,
  headers: Readonly<Record<string, string>>,
  done: string,
): Promise<void> {
  const stored = await api.send<Subscription>('PUT', path(name), body, headers);
  await printer.one(stored, subscriptionView, () => [
    `subscription ${visibleLine(stored.name)} is ${done}`,
    ...(stored.consent_needed
      ? [`it fires nothing until somebody consents: sally subscription consent ${visibleLine(stored.name)}`]
      : []),
  ]);
}

/** Options that are fields of the subscription itself; what is not given stays. */
function fieldsOf(flags: Flags): Record<string, unknown> {
  const types = listOf(flags, 'type');
  const fields = {
    types: types.length === 0 ? undefined : types,
    source: textOf(flags, 'source'),
    subject: textOf(flags, 'subject'),
    expression: textOf(flags, 'when'),
    overlap: textOf(flags, 'overlap')?.replaceAll('-', '_'),
    paused: typeof flags['paused'] === 'boolean' ? flags['paused'] : undefined,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export async function listSubscriptions({ api, printer }: Context): Promise<undefined> {
  await printer.list(await api.all<Subscription>('/v1/subscriptions'), subscriptionView);
  return undefined;
}

export async function getSubscription({ api, printer }: Context, [name = '']: Args): Promise<undefined> {
  const subscription = await api.get<Subscription>(path(name));
  await printer.one(subscription, subscriptionView, () => describeSubscription(subscription));
  return undefined;
}

export async function listFirings({ api, printer }: Context, [name = '']: Args, flags: Flags): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  await printer.list(await api.all<Firing>(`${path(name)}/firings`, { limit: Math.min(200, most) }, most), firingView);
  return undefined;
}

export async function consentSubscription(
  { api, printer }: Context,
  [name = '']: Args,
  flags: Flags,
): Promise<undefined> {
  const subscription = await api.get<Subscription>(path(name));
  // What is shown is what is consented to: if it changes in between, the consent is refused.
  if (printer.format === 'table') for (const line of describeSubscription(subscription)) printer.note(line);
  const body = { spec_hash: textOf(flags, 'specHash') ?? subscription.spec_hash, terms: termsOf(flags) };
  const grant = await api.send<Grant>('POST', `${path(name)}:consent`, body);
  await printer.one(grant, grantView(Date.now()), () => [
    `subscription ${visibleLine(subscription.name)} runs on grant ${visibleLine(grant.id)} until ${grant.expires_at ?? ''}`,
  ]);
  return undefined;
}

export async function removeSubscription({ api, printer }: Context, [name = '']: Args): Promise<undefined> {
  await api.ask(path(name), { method: 'DELETE' });
  if (!printer.isData)
    printer.line(`subscription ${visibleLine(name)} is removed; its grant ends and its history stays`);
  return undefined;
}
