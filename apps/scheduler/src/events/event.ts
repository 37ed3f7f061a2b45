/** An event as the scheduler keeps it, and as the contract shows it. Pure. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Event, EventSchema, type Firing } from '@sallyport/contracts/schedule/v1/trigger';
import { canonicalHash } from '@sallyport/core/canonical';
import {
  type CloudEvent,
  checkCloudEvent,
  EventInvalid,
  EventTooLarge,
  maxEventBytes,
} from '@sallyport/core/cloud-event';
import { eventInvalid, eventTooLarge } from '../faults.ts';

/** Whose an event is, and who handed it in. */
export interface Intake {
  readonly org: string;
  readonly environment: string;
  /** A principal, a webhook id, or `nats:` and the name a bus user goes by. */
  readonly producer: string;
}

export interface StoredEvent extends Intake {
  /** `evt_...` */
  readonly id: string;
  readonly cloud: CloudEvent;
  readonly receivedAt: number;
  /** When it was known who wants it. */
  readonly matchedAt: number | undefined;
}

/** For how long the same source and id is the same event. */
export const dedupeMs = 7 * 24 * 60 * 60 * 1000;

/** The process that took an event in has this long before others look at it. */
export const headStartMs = 5_000;
/** An event that is looked at is taken up again after this long: longer than it takes to fire every subscription of an environment. */
export const eventLeaseMs = 60_000;

/** What makes an event the same as an earlier one. */
export const printOf = ({ source, id }: Pick<CloudEvent, 'source' | 'id'>): string => canonicalHash([source, id]);

/** Sources under which only signed requests come in, so that a subscription can rely on the name. */
export const webhookSources = '/webhooks/';

/**
 * Runs what reads an event, with its complaints as faults.
 *
 * @throws Fault `scheduler.event_invalid`
 */
export function readEvent(read: () => CloudEvent): CloudEvent {
  try {
    return read();
  } catch (error) {
    if (error instanceof EventTooLarge) throw eventTooLarge(maxEventBytes);
    if (error instanceof EventInvalid) throw eventInvalid(error.pointer, error.why);
    throw error;
  }
}

/** The event of a message; what is ours in it is ignored. */
export const cloudFrom = (event: Event): CloudEvent =>
  readEvent(() =>
    checkCloudEvent({
      id: event.sourceId,
      source: event.source,
      type: event.type,
      subject: event.subject,
      time: event.time === undefined ? undefined : timestampMs(event.time),
      dataContentType: event.dataContentType,
      data: event.data,
      extensions: event.extensions,
    }),
  );

/** The event as the contract shows it. */
export function eventWire(stored: StoredEvent, firings: readonly Firing[] = []): Event {
  const { id, cloud, receivedAt, matchedAt, producer } = stored;
  return create(EventSchema, {
    id,
    source: cloud.source,
    sourceId: cloud.id,
    type: cloud.type,
    subject: cloud.subject,
    ...(cloud.time === undefined ? {} : { time: timestampFromMs(cloud.time) }),
    dataContentType: cloud.dataContentType,
    data: cloud.data,
    receivedAt: timestampFromMs(receivedAt),
    ...(matchedAt === undefined ? {} : { matchedAt: timestampFromMs(matchedAt) }),
    producer,
    extensions: { ...cloud.extensions },
    firings: [...firings],
  });
}
