/** Judges one event from a producer; pure. */

import { brokenField, type EventTemplate, eventTemplate, maxEventBytes } from '@sallyport/audit-verify/event';
import type { Event } from '@sallyport/contracts/audit/v1/audit';
import type { Caller } from '@sallyport/core/access';
import { auditKinds } from '@sallyport/core/audit-kinds';
import { foreignKind, malformedEvent, unknownKind } from '../faults.ts';

/** An event that may be stored; only its place is missing. */
export interface AdmittedEvent {
  readonly event: Event;
  readonly template: EventTemplate;
}

/** Room for the digits of any sequence number. */
const seqBytes = 32;

const ownerOf = (kind: string): Caller | undefined =>
  Object.hasOwn(auditKinds, kind) ? auditKinds[kind as keyof typeof auditKinds] : undefined;

/** Admits an event as said by a caller. The caller becomes its producer, whatever the event claims. Throws a Fault. */
export function admitEvent(said: Event, caller: Caller, index: number): AdmittedEvent {
  const owner = ownerOf(said.kind);
  if (owner === undefined) throw unknownKind(said.kind);
  if (owner !== caller || (said.producer !== '' && said.producer !== caller)) throw foreignKind(caller, said.kind);
  const event: Event = { ...said, producer: caller, seq: 0n };
  const field = brokenField(event);
  if (field !== undefined) throw malformedEvent(index, field);
  const template = eventTemplate(event);
  if (Buffer.byteLength(template.at(0)) > maxEventBytes - seqBytes) throw malformedEvent(index, 'size');
  return { event, template };
}
