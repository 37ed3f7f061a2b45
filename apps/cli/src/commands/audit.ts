/** `audit tail`, `query`, `export`. */

import type { AuditEvent } from '../client/resources.ts';
import { follow } from '../client/stream.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { countOf, type Flags, listOf, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { saveTo } from './download.ts';
import { auditView } from './views.ts';

const filterOf = (flags: Flags) => {
  const kinds = listOf(flags, 'kind');
  return { run: textOf(flags, 'run'), ...(kinds.length === 0 ? {} : { kind: kinds }) };
};

export async function tailAudit(context: Context, _: unknown, flags: Flags): Promise<number> {
  const { api, printer } = context;
  const from = countOf(flags, 'from', '--from');
  const query = { ...filterOf(flags), ...(from === undefined ? {} : { from }) };
  for await (const message of follow(api, '/v1/audit/tail', { query }, undefined)) {
    if (message.event !== 'audit') continue;
    if (printer.isData) printer.line(message.data);
    else printer.line(lineOf(JSON.parse(message.data) as AuditEvent, context));
  }
  return exit.ok;
}

export async function queryAudit({ api, printer }: Context, _: unknown, flags: Flags): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 200;
  const query = { ...filterOf(flags), cursor: countOf(flags, 'from', '--from') ?? 0, limit: Math.min(1_000, most) };
  await printer.list(await api.all<AuditEvent>('/v1/audit/events', query, most), auditView);
  return undefined;
}

export async function exportAudit(context: Context, [file]: readonly (string | undefined)[]): Promise<undefined> {
  await saveTo(context, '/v1/audit/export', file ?? 'sallyport-audit.tar');
  return undefined;
}

function lineOf(event: AuditEvent, { printer }: Context): string {
  const outcome = event.outcome ?? '';
  const colour = outcome === 'allow' ? 'green' : outcome === 'deny' ? 'yellow' : 'red';
  const rest = [event.kind.padEnd(20), event.resource, event.run, event.reason]
    .filter((part) => part !== '')
    .map(visibleLine);
  return `${String(event.seq).padStart(6)}  ${visibleLine(event.time.slice(0, 23))}  ${printer.paint(colour, visibleLine(outcome).padEnd(5))}  ${rest.join('  ')}`;
}
