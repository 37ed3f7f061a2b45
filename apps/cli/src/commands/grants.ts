/** `grant ls`, `get`, `revoke`. */

import type { Grant } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { countOf, type Flags, isSet } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { grantView, mountsOf } from './views.ts';

const path = (id: string): string => `/v1/grants/${encodeURIComponent(id)}`;

export async function listGrants({ api, printer }: Context, _: unknown, flags: Flags): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  const query = { limit: Math.min(200, most), ...(isSet(flags, 'active') ? { active: '1' } : {}) };
  await printer.list(await api.all<Grant>('/v1/grants', query, most), grantView(Date.now()));
  return undefined;
}

export async function getGrant(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const grant = await api.get<Grant>(path(id));
  await printer.one(grant, grantView(Date.now()), () => describe(grant));
  return undefined;
}

export async function revokeGrant(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const grant = await api.send<Grant>('POST', `${path(id)}:revoke`, {});
  await printer.one(grant, grantView(Date.now()), () => [
    `${visibleLine(grant.id)} is ${visibleLine(grant.state)}; runs on it end within a second`,
  ]);
  return undefined;
}

function describe(grant: Grant): string[] {
  const { trigger, terms } = grant;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['id', grant.id],
    ['state', grant.reason === '' ? grant.state : `${grant.state} (${grant.reason})`],
    ['trigger', `${trigger?.kind ?? ''} ${trigger?.name ?? ''} (${trigger?.id ?? ''})`],
    ['spec hash', trigger?.spec_hash],
    ['on behalf', grant.subject],
    ['given by', grant.key],
    ['may', grant.scopes.join(' ')],
    ['mounts', mountsOf(grant)],
    ['runs', `${grant.used_runs} of ${terms?.max_runs ?? 0}`],
    ['today', `${grant.used_today} of ${terms?.max_per_day ?? 0}`],
    ['created', grant.created_at],
    ['expires', grant.expires_at],
    ['ended', grant.revoked_at],
  ];
  return rows.flatMap(([name, value = '']) => (value === '' ? [] : [`${name.padEnd(10)} ${visibleLine(value)}`]));
}
