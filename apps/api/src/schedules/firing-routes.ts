/** `/v1/schedules/...`: fire one now, consent to one, its history and its next times. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { GrantSchema, GrantTermsSchema } from '@sallyport/contracts/identity/v1/grant';
import { ConsentTriggerRequestSchema, FiringSchema } from '@sallyport/contracts/schedule/v1/trigger';
import { countSchema, type Endpoint, endpoint } from '../http/endpoint.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const firing = answerSchema(FiringSchema);
const times = z
  .object({ times: z.array(z.iso.datetime()).describe('Fewer than asked for when it does not fire that often') })
  .openapi('FireTimes');

@Injectable()
export class FiringRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.run(), this.consent(), this.firings(), this.times(), this.preview()];
  }

  private run(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/schedules/{name}:run',
      tag: 'schedules',
      summary: 'Fire now, beside the clock, on the grant of the schedule',
      headers: { 'idempotency-key': 'The same key answers the same firing' },
      body: z.strictObject({}).openapi('FireNow'),
      keepsKeys: true,
      answers: { 202: { description: 'What came of it', schema: firing, headers: { location: 'The run, if any' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '', idempotencyKey: c.req.header('idempotency-key') ?? '' };
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.fireSchedule(request, { ...options, timeoutMs: 15_000 }),
        );
        const fired = answer.firing ?? create(FiringSchema);
        if (fired.run !== '') c.header('location', `/v1/runs/${fired.run}`);
        return c.json(toRest(FiringSchema, fired), 202);
      },
    });
  }

  private consent(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/schedules/{name}:consent',
      tag: 'schedules',
      summary: 'Give the grant for a schedule as it is; refused when it is no longer as shown',
      body: z
        .strictObject({
          spec_hash: z.string().max(64).describe('The `spec_hash` that was shown'),
          terms: inputSchema(GrantTermsSchema).optional(),
        })
        .openapi('Consent'),
      answers: { 201: { description: 'The grant', schema: answerSchema(GrantSchema) } },
      handle: async ({ c, asker, params, body }) => {
        const named = { ...(body as JsonObject), kind: 'schedule', name: params['name'] ?? '' };
        const request = fromRest(ConsentTriggerRequestSchema, named);
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.consentTrigger(request, options),
        );
        return c.json(toRest(GrantSchema, answer.grant ?? create(GrantSchema)), 201);
      },
    });
  }

  private firings(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/schedules/{name}/firings',
      tag: 'schedules',
      summary: 'Every firing with its run or the reason for none, newest first; a removed schedule goes by its id',
      query: pageQuery,
      answers: { 200: { description: 'A page of firings', schema: listSchema('Firing', firing) } },
      handle: async ({ c, asker, params, query }) => {
        const limit = limitOf(query.limit);
        const request = {
          kind: 'schedule',
          name: params['name'] ?? '',
          pageSize: limit,
          pageToken: query.cursor ?? '',
        };
        const page = await asker.call('scheduler', (options) => this.services.triggers.listFirings(request, options));
        return c.json(
          listBody(
            page.firings.map((item) => toRest(FiringSchema, item)),
            page.nextPageToken,
            limit,
          ),
        );
      },
    });
  }

  private times(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/schedules/{name}/times',
      tag: 'schedules',
      summary: 'The next fire times of a schedule',
      query: { count: countSchema.optional().openapi({ type: 'integer', maximum: 100 }) },
      answers: { 200: { description: 'The times', schema: times } },
      handle: async ({ c, asker, params, query }) => {
        const request = { name: params['name'] ?? '', count: Math.min(query.count ?? 0, 1_000) };
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.previewSchedule(request, options),
        );
        return c.json({ times: answer.times.map(rfc3339) }, 200);
      },
    });
  }

  private preview(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/schedules:preview',
      tag: 'schedules',
      summary: 'The next times of an expression, without keeping it',
      body: z
        .strictObject({
          cron: z.string().max(1_000),
          time_zone: z.string().max(100).optional().describe('IANA name; UTC when absent'),
          count: z.int().min(1).max(100).optional(),
        })
        .openapi('PreviewSchedule'),
      answers: { 200: { description: 'The times', schema: times } },
      handle: async ({ c, asker, body }) => {
        const request = { cron: body.cron, timeZone: body.time_zone ?? '', count: body.count ?? 0 };
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.previewSchedule(request, options),
        );
        return c.json({ times: answer.times.map(rfc3339) }, 200);
      },
    });
  }
}

const rfc3339 = (time: Timestamp): string => timestampDate(time).toISOString();
