/** `role apply`, `ls`, `get`. */

import type { Role } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { documentsOf } from './documents.ts';
import { roleView } from './views.ts';

export async function applyRoles(
  { api, printer }: Context,
  [argument]: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const file = argument ?? textOf(flags, 'file');
  if (file === undefined)
    throw usage(
      'no role was given',
      'neither a file nor - was named',
      'use `sally role apply FILE`, or - for standard input',
    );
  const version = countOf(flags, 'ifVersion', '--if-version');
  const roles: Role[] = [];
  for (const { name, kind = 'Role', ...body } of await documentsOf(file, 'role')) {
    if (kind !== 'Role')
      throw usage(
        `${file} is not usable`,
        `${visibleLine(name)} is no Role`,
        'use `sally apply -f FILE`, which takes every kind',
      );
    const headers = version === undefined ? {} : { 'if-match': `"${version}"` };
    roles.push(await api.send<Role>('PUT', `/v1/roles/${encodeURIComponent(name)}`, { ...body, name }, headers));
  }
  if (printer.format === 'table')
    for (const role of roles) printer.line(`${visibleLine(role.name)} is applied as version ${role.version}`);
  else if (roles.length === 1 && roles[0] !== undefined) await printer.one(roles[0], roleView);
  else await printer.list(roles, roleView);
  return undefined;
}

export async function listRoles({ api, printer }: Context): Promise<undefined> {
  await printer.list(await api.all<Role>('/v1/roles'), roleView);
  return undefined;
}

export async function getRole(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<undefined> {
  await printer.one(await api.get<Role>(`/v1/roles/${encodeURIComponent(name)}`), roleView);
  return undefined;
}
