/** Takes an event in that a person or a program of theirs hands in. */

import { Injectable } from '@nestjs/common';
import { teamSource } from '@sallyport/bus/team-events';
import type { SendEventRequest } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import type { CloudEvent } from '@sallyport/core/cloud-event';
import { eventMissing, sourceReserved } from '../faults.ts';
import { cloudFrom, webhookSources } from './event.ts';
import { type Received, ReceiveEvent } from './receive-event.ts';

/** Refuses a source under which only webhooks come in, and the one of what the product itself tells. */
export function checkSource(event: CloudEvent): CloudEvent {
  for (const prefix of [webhookSources, teamSource]) if (event.source.startsWith(prefix)) throw sourceReserved(prefix);
  return event;
}

@Injectable()
export class SendEvent {
  constructor(private readonly receive: ReceiveEvent) {}

  execute({ event }: SendEventRequest, { org, env, sub }: SessionClaims): Promise<Received> {
    return this.receive.execute({ org, environment: env, producer: sub }, () => {
      if (event === undefined) throw eventMissing();
      return checkSource(cloudFrom(event));
    });
  }
}
