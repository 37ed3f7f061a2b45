/** `/v1/schedules`: what fires by the clock. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { GrantTermsSchema } from '@sallyport/contracts/identity/v1/grant';
import { ApplyScheduleRequestSchema, type Schedule, ScheduleSchema } from '@sallyport/contracts/schedule/v1/trigger';
import { InvalidRequest } from '../faults.ts';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf, mustBeAbsent, versionOf } from '../http/etag.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const schedule = answerSchema(ScheduleSchema);
/** Consent and its terms beside the fields of the thing; ids, hashes and times that are sent back are ignored. */
const applied = inputSchema(ScheduleSchema)
  .extend({
    consent: z.boolean().optional().describe('Give the grant it runs on too; needs the scope `grant:write`'),
    terms: inputSchema(GrantTermsSchema).optional().describe('Bounds of that grant'),
  })
  .openapi('ApplySchedule');
const nothing = z.strictObject({}).openapi('Nothing');

@Injectable()
export class ScheduleRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [
      this.list(),
      this.get(),
      this.apply(),
      this.remove(),
      this.switch('pause', 'Stop firing; what passes meanwhile is not made up for'),
      this.switch('resume', 'Go on from now'),
    ];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/schedules',
      tag: 'schedules',
      summary: 'List schedules by name',
      query: pageQuery,
      answers: { 200: { description: 'A page of schedules', schema: listSchema('Schedule', schedule) } },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const request = { pageSize: limit, pageToken: query.cursor ?? '' };
        const page = await asker.call('scheduler', (options) => this.services.triggers.listSchedules(request, options));
        return c.json(
          listBody(
            page.schedules.map((item) => toRest(ScheduleSchema, item)),
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
      path: '/v1/schedules/{name}',
      tag: 'schedules',
      summary: 'Get a schedule',
      answers: { 200: { description: 'The schedule', schema: schedule, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        const answer = await asker.call('scheduler', (options) => this.services.triggers.getSchedule(request, options));
        return answerSchedule(c, answer.schedule);
      },
    });
  }

  private apply(): Endpoint {
    return endpoint({
      method: 'put',
      path: '/v1/schedules/{name}',
      tag: 'schedules',
      summary: 'Create or replace a schedule',
      headers: {
        'if-match': 'The version that must be current; a later one answers 412',
        'if-none-match': '`*`: nothing of that name may be there; else 412',
      },
      body: applied,
      answers: { 200: { description: 'The schedule as stored', schema: schedule, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params, body }) => {
        const name = params['name'] ?? '';
        const { consent, terms, ...fields } = body as JsonObject;
        if (fields['name'] !== undefined && fields['name'] !== name)
          throw new InvalidRequest([{ pointer: '/body/name', detail: 'differs from the name in the path' }]);
        const request = fromRest(ApplyScheduleRequestSchema, {
          schedule: { ...fields, name },
          ...(consent === undefined ? {} : { consent }),
          ...(terms === undefined ? {} : { terms }),
        });
        request.ifVersion = versionOf(c.req.header('if-match'));
        request.ifAbsent = mustBeAbsent(c.req.header('if-none-match'));
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.applySchedule(request, { ...options, timeoutMs: 15_000 }),
        );
        return answerSchedule(c, answer.schedule);
      },
    });
  }

  private remove(): Endpoint {
    return endpoint({
      method: 'delete',
      path: '/v1/schedules/{name}',
      tag: 'schedules',
      summary: 'Remove a schedule and end its grant; its history stays',
      answers: { 204: { description: 'It is removed' } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        await asker.call('scheduler', (options) => this.services.triggers.deleteSchedule(request, options));
        return c.body(null, 204);
      },
    });
  }

  private switch(verb: 'pause' | 'resume', summary: string): Endpoint {
    return endpoint({
      method: 'post',
      path: `/v1/schedules/{name}:${verb}`,
      tag: 'schedules',
      summary,
      body: nothing,
      answers: { 200: { description: 'The schedule', schema: schedule, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        const { triggers } = this.services;
        const answer = await asker.call<{ readonly schedule?: Schedule | undefined }>('scheduler', (options) =>
          verb === 'pause' ? triggers.pauseSchedule(request, options) : triggers.resumeSchedule(request, options),
        );
        return answerSchedule(c, answer.schedule);
      },
    });
  }
}

function answerSchedule(c: ApiContext, found: Schedule | undefined): Response {
  const stored = found ?? create(ScheduleSchema);
  c.header('etag', etagOf(stored.version));
  return c.json(toRest(ScheduleSchema, stored), 200);
}
