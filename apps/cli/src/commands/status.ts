/** `status` and `version`. */

import type { ServiceState, Status } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { renderTable } from '../output/table.ts';
import { visibleLine } from '../output/visible.ts';
import { protocol, version } from '../version.ts';

const columns = [
  { title: 'service', of: (service: ServiceState) => service.name },
  { title: 'state', of: (service: ServiceState) => service.state },
  { title: 'answered in', of: (service: ServiceState) => `${service.took_ms} ms` },
  { title: 'why', of: (service: ServiceState) => service.reason },
];

export async function showStatus({ api, printer, connection }: Context): Promise<number> {
  const status = await api.get<Status>('/v1/status');
  const view = {
    name: (item: Status) => item.status,
    columns: [{ title: 'status', of: (item: Status) => item.status }],
  };
  await printer.one(status, view, () => [
    visibleLine(`${status.status}: ${connection.url} as ${status.principal} in ${status.org}/${status.environment}`),
    ...renderTable(status.services, columns),
  ]);
  return status.status === 'ready' ? exit.ok : exit.unreachable;
}

interface Versions {
  readonly client: string;
  readonly server: string | null;
  readonly protocol: { readonly client: string; readonly server: string | null };
}

export async function showVersion({ api, printer }: Context): Promise<undefined> {
  const server = await api.get<{ version: string; protocol: string }>('/v1/version').catch(() => undefined);
  const versions: Versions = {
    client: version,
    server: server?.version ?? null,
    protocol: { client: protocol, server: server?.protocol ?? null },
  };
  const view = { name: () => version, columns: [{ title: 'client', of: () => version }] };
  await printer.one(versions, view, () => [
    `client  ${version} (protocol ${protocol})`,
    server === undefined
      ? 'server  does not answer'
      : visibleLine(`server  ${server.version} (protocol ${server.protocol})`),
  ]);
  if (server !== undefined && isSkewed(version, server.version))
    printer.note(
      `warning: client ${version} and server ${visibleLine(server.version)} are more than one minor version apart`,
    );
  return undefined;
}

/** Whether two versions differ by a major or by more than one minor number. */
export function isSkewed(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major !== otherMajor || Math.abs(minor - otherMinor) > 1;
}
