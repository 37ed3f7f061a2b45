/** `/v1/grants`: what people delegated to schedules and subscriptions, and the end of one. Consent is given with the trigger. */

import { create } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { GrantSchema } from '@sallyport/contracts/identity/v1/grant';
import { type Endpoint, endpoint, flagSchema } from '../http/endpoint.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const grant = answerSchema(GrantSchema);

@Injectable()
export class GrantRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.list(), this.get(), this.revoke()];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/grants',
      tag: 'grants',
      summary: 'List grants, newest first',
      query: { ...pageQuery, active: flagSchema.optional().describe('Only grants that can be used') },
      answers: {
        200: { description: 'A page of grants, without their signed form', schema: listSchema('Grant', grant) },
      },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const request = { active: query.active ?? false, pageSize: limit, pageToken: query.cursor ?? '' };
        const page = await asker.call('identity', (options) => this.services.identity.listGrants(request, options));
        return c.json(
          listBody(
            page.grants.map((item) => toRest(GrantSchema, item)),
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
      path: '/v1/grants/{id}',
      tag: 'grants',
      summary: 'Get a grant, with its signed form',
      answers: { 200: { description: 'The grant', schema: grant } },
      handle: async ({ c, asker, params }) => {
        const request = { id: params['id'] ?? '' };
        const answer = await asker.call('identity', (options) => this.services.identity.getGrant(request, options));
        return c.json(toRest(GrantSchema, answer.grant ?? create(GrantSchema)));
      },
    });
  }

  private revoke(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/grants/{id}:revoke',
      tag: 'grants',
      summary: 'End a grant; its live runs end within a second, what they had not committed is lost',
      body: z.strictObject({}).openapi('RevokeGrant'),
      answers: { 200: { description: 'The grant', schema: grant } },
      handle: async ({ c, asker, params }) => {
        const request = { id: params['id'] ?? '' };
        const answer = await asker.call('identity', (options) => this.services.identity.revokeGrant(request, options));
        return c.json(toRest(GrantSchema, answer.grant ?? create(GrantSchema)));
      },
    });
  }
}
