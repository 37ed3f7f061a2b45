/**
 * Takes events in from the bus: `event.v1.<org>.<environment>.<producer>`, CloudEvents in structured or binary mode.
 *
 * Org, environment and producer are the subject's, which the sender's bus permissions prove; nothing in the message counts for them. A
 * request is answered with the event's id once it is committed.
 */

import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { answerOpen, type OpenRequest, type StopAnswering } from '@sallyport/bus/open-requests';
import { eventListen, parseEventSubject } from '@sallyport/bus/subject';
import { teamSource } from '@sallyport/bus/team-events';
import { type CloudEvent, isBinary, parseBinary, parseStructured, structuredType } from '@sallyport/core/cloud-event';
import { Log } from '@sallyport/service/log';
import { FairShare } from '../fair-share.ts';
import { eventMalformed, eventPlace, sourceReserved } from '../faults.ts';
import { readEvent } from './event.ts';
import { ReceiveEvent } from './receive-event.ts';
import { checkSource } from './send-event.ts';

const typeHeader = 'ce-datacontenttype';

@Injectable()
export class EventIntake implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #share = new FairShare();
  #stop: StopAnswering = () => Promise.resolve();

  constructor(
    private readonly bus: Bus,
    private readonly receive: ReceiveEvent,
    private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#stop = await answerOpen(this.bus, eventListen, (request) => this.#take(request));
  }

  async onModuleDestroy(): Promise<void> {
    await this.#stop();
  }

  async #take(request: OpenRequest): Promise<object> {
    const place = parseEventSubject(request.subject);
    if (place === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(place.producer)) throw eventPlace();
    // A consumer may be told to deliver what the product tells back into it. Refused with no record: a record would be told, and come again.
    if (request.headers.some(([name, value]) => name.toLowerCase() === 'ce-source' && value.startsWith(teamSource)))
      throw sourceReserved(teamSource);
    // What holds nothing is no attempt at an event, and no record is made of it; in binary mode an event may have no data.
    if (request.body.byteLength === 0 && !isBinary(request.headers.map(([name]) => name))) throw eventMalformed();
    const { org, environment, producer } = place;
    const intake = { org, environment, producer: `nats:${producer}` };
    try {
      const { event, replayed } = await this.#share.run(request.subject, () =>
        this.receive.execute(intake, () => checkSource(readEvent(() => eventOf(request)))),
      );
      return { id: event.id, replayed };
    } catch (error) {
      // Whoever only published is told nothing; the log is where it can be seen.
      this.log.info({ org, environment, producer, error }, 'an event from the bus was not taken in');
      throw error;
    }
  }
}

/** The event of a request; its content type says structured mode, `ce-` headers binary mode. */
function eventOf({ headers, body }: OpenRequest): CloudEvent {
  const valueOf = (header: string): string => headers.find(([name]) => name.toLowerCase() === header)?.[1] ?? '';
  const type = valueOf('content-type');
  const structured = type.toLowerCase().split(';', 1)[0]?.trim() === structuredType;
  if (!structured && isBinary(headers.map(([name]) => name))) {
    // The NATS binding has the data's type in a header like any other attribute; the HTTP one has it in the content type.
    const plain = headers.filter(([name]) => name.toLowerCase() !== typeHeader);
    return parseBinary(plain, valueOf(typeHeader) || type, body);
  }
  if (type !== '' && !structured) throw eventMalformed();
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw eventMalformed();
  }
  return parseStructured(value);
}
