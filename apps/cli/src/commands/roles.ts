/** `role apply`, `ls`, `get`. */

import type { Role } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, readText, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
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
  for (const { name, ...body } of await documents(file)) {
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

/** Every document of a YAML or JSON file; each names its role. */
async function documents(file: string): Promise<({ readonly name: string } & Record<string, unknown>)[]> {
  const { parseAllDocuments } = await import('yaml');
  const parsed = parseAllDocuments(readText(file));
  const values = (Array.isArray(parsed) ? parsed : []).map((document) => {
    const [error] = document.errors;
    if (error !== undefined)
      throw usage(
        `${file} is not usable`,
        error.message.split('\n', 1)[0] ?? 'it is neither YAML nor JSON',
        'correct it and apply again',
      );
    return document.toJS() as unknown;
  });
  const roles = values.flat().filter((value) => value !== null);
  if (roles.length === 0)
    throw usage(`${file} holds no role`, 'it is empty', 'write one, or start from `sally role get NAME -o yaml`');
  return roles.map((value) => {
    if (typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string')
      return value as { name: string };
    throw usage(`${file} is not usable`, 'a document has no name', 'start each role with name: NAME');
  });
}
