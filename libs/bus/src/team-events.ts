/**
 * What platform teams hear: CloudEvents 1.0 in binary mode, whose data is the message's protobuf JSON.
 *
 * Told beside the services' own events and as they happen; the stream of each team keeps them. Each has a position (`ce-sequence`) in its
 * run, dispatch or log, so that a reader sees what is missing, and an id that is the same when it is told again.
 */

import { type DescMessage, fromBinary, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import {
  type RunEvent,
  RunEventSchema,
  type RunState,
  RunStateSchema,
} from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import type { Bus } from './connection.ts';
import { teamAuditEvent, teamRunEvent, teamUnitOut } from './subject.ts';

/** Prefix of every source: an event that bears it is ours, and is not taken in as somebody's. */
export const teamSource = '/sallyport/orgs/';

interface About {
  readonly subject: string;
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  /** Between `dev.sallyport.` and `.v1`. */
  readonly type: string;
  /** CloudEvents `subject`. */
  readonly of: string;
  /** RFC 3339; empty when unknown. */
  readonly time: string;
  readonly seq: bigint;
}

const stateName = (state: RunState): string =>
  (RunStateSchema.value[state]?.name ?? '').replace(/^RUN_STATE_/, '').toLowerCase();

/** Tells the teams what a service's outbox tells the services, where it concerns them: the transitions of runs. */
export function tellStored(bus: Bus, subject: string, payload: Uint8Array): void {
  if (subject.startsWith('run.')) tellRun(bus, fromBinary(RunEventSchema, payload));
}

/** Tells the teams of a run's environment a transition of it. */
export function tellRun(bus: Bus, event: RunEvent): void {
  const { id, seq, at, run } = event;
  if (run === undefined) return;
  const { org, environment } = run;
  tell(bus, RunEventSchema, event, {
    subject: teamRunEvent(org, environment, run.id),
    id,
    org,
    environment,
    type: `run.${stateName(run.state)}`,
    of: run.id,
    time: at === undefined ? '' : timestampDate(at).toISOString(),
    seq,
  });
}

const unitTypes: ReadonlyMap<string, string> = new Map(
  UnitEventSchema.fields.flatMap((field) =>
    field.oneof === undefined ? [] : [[field.localName, field.name.replaceAll('_', '.')] as const],
  ),
);

/** Tells the teams of an environment one entry of a dispatch's output. */
export function tellUnit(bus: Bus, environment: string, event: UnitEvent): void {
  const { id, org, dispatch, seq, at, body } = event;
  if (environment === '') return;
  tell(bus, UnitEventSchema, event, {
    subject: teamUnitOut(org, environment, dispatch),
    id,
    org,
    environment,
    type: `unit.${unitTypes.get(body.case ?? '') ?? 'raw'}`,
    of: dispatch,
    time: at === undefined ? '' : timestampDate(at).toISOString(),
    seq,
  });
}

/** Tells the teams of an environment an event of its org's audit log; what belongs to no environment is no team's. */
export function tellAudit(bus: Bus, event: Event): void {
  const { id, org, environment, kind, resource, time, seq } = event;
  if (environment === '') return;
  tell(bus, EventSchema, event, {
    subject: teamAuditEvent(org, environment, kind.split('.')[0] ?? ''),
    id,
    org,
    environment,
    type: `audit.${kind}`,
    of: resource,
    time,
    seq,
  });
}

/** Data beyond this is left out: a message that NATS does not take must not hold up those behind it. */
const maxDataBytes = 1024 * 1024;

function tell<S extends DescMessage>(bus: Bus, schema: S, message: MessageShape<S>, about: About): void {
  const data = Buffer.from(toJsonString(schema, message));
  const wire = headersOf(schema, about);
  const fits = data.byteLength <= maxDataBytes;
  if (!fits) wire.set('ce-omitted', String(data.byteLength));
  bus.nats.publish(about.subject, fits ? data : new Uint8Array(), { headers: wire });
}

function headersOf(schema: DescMessage, about: About): MsgHdrs {
  const wire = headers();
  const attributes: readonly (readonly [string, string])[] = [
    // A team's stream keeps one of two that bear the same.
    ['Nats-Msg-Id', about.id],
    ['ce-specversion', '1.0'],
    ['ce-id', about.id],
    ['ce-source', `${teamSource}${about.org}/environments/${about.environment}`],
    ['ce-type', `dev.sallyport.${about.type}.v1`],
    ['ce-subject', about.of],
    ['ce-time', about.time],
    ['ce-datacontenttype', 'application/json'],
    ['ce-dataschema', `urn:sallyport:${schema.typeName}`],
    ['ce-sequence', String(about.seq)],
  ];
  for (const [name, value] of attributes) if (value !== '') wire.set(name, percentEncoded(value));
  return wire;
}

/** As the CloudEvents bindings write what is not plain in a header. */
const percentEncoded = (value: string): string =>
  value.toWellFormed().replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
