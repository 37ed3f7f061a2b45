/** `/v1/events`: what happened elsewhere, and what it caused. */

import { create } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { EventSchema } from '@sallyport/contracts/schedule/v1/trigger';
import { structuredType } from '@sallyport/core/cloud-event';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';
import { eventMessage, readEvent } from './read-event.ts';

const event = answerSchema(EventSchema);

@Injectable()
export class EventRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.send(), this.list(), this.get()];
  }

  private send(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/events',
      tag: 'events',
      summary: 'Take a CloudEvents 1.0 event in; the same source and id within seven days is the same event',
      raw: structuredType,
      headers: {
        'ce-specversion': '`1.0` says binary mode: attributes are `ce-` headers and the body is the data',
        'ce-id': 'Names the event within its source',
        'ce-source': 'Where it happened',
        'ce-type': 'What happened',
      },
      answers: {
        202: { description: 'The event, accepted', schema: event, headers: { location: 'Where it is' } },
        200: {
          description: 'It had been accepted before, and fires nothing again',
          schema: event,
          headers: { location: 'Where it is', 'idempotent-replayed': '`true`' },
        },
      },
      handle: async ({ c, asker }) => {
        const sent = { event: eventMessage(await readEvent(c)) };
        const answer = await asker.call('scheduler', (options) => this.services.triggers.sendEvent(sent, options));
        const taken = answer.event ?? create(EventSchema);
        c.header('location', `/v1/events/${taken.id}`);
        if (answer.replayed) c.header('idempotent-replayed', 'true');
        return c.json(toRest(EventSchema, taken), answer.replayed ? 200 : 202);
      },
    });
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/events',
      tag: 'events',
      summary: 'List events with what they caused, newest first and without their data',
      query: { ...pageQuery, type: z.string().max(256).optional() },
      answers: { 200: { description: 'A page of events', schema: listSchema('Event', event) } },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const request = { type: query.type ?? '', pageSize: limit, pageToken: query.cursor ?? '' };
        const page = await asker.call('scheduler', (options) => this.services.triggers.listEvents(request, options));
        return c.json(
          listBody(
            page.events.map((item) => toRest(EventSchema, item)),
            page.nextPageToken,
            limit,
          ),
        );
      },
    });
  }

  private get(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/events/{id}',
      tag: 'events',
      summary:
        'Get an event with its data and its firings; none, once `matched_at` is set, means that nobody wanted it',
      answers: { 200: { description: 'The event', schema: event } },
      handle: async ({ c, asker, params }) => {
        const request = { id: params['id'] ?? '' };
        const answer = await asker.call('scheduler', (options) => this.services.triggers.getEvent(request, options));
        return c.json(toRest(EventSchema, answer.event ?? create(EventSchema)));
      },
    });
  }
}
