/** `/v1/keys`: which API keys there are, and the end of one. A key's secret is never answered here. */

import { create } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { ApiKeySchema } from '@sallyport/contracts/identity/v1/identity';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { listBody, listSchema } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const key = answerSchema(ApiKeySchema);

@Injectable()
export class KeyRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.list(), this.revoke()];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/keys',
      tag: 'keys',
      summary: 'List API keys, newest first',
      answers: { 200: { description: 'Every key of the org', schema: listSchema('ApiKey', key) } },
      handle: async ({ c, asker }) => {
        const { keys } = await asker.call('identity', (options) => this.services.identity.listApiKeys({}, options));
        return c.json(
          listBody(
            keys.map((item) => toRest(ApiKeySchema, item)),
            '',
            keys.length,
          ),
        );
      },
    });
  }

  private revoke(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/keys/{id}:revoke',
      tag: 'keys',
      summary: 'End a key; its sessions and the runs it asked for end within a second',
      body: z.strictObject({}).openapi('RevokeKey'),
      answers: { 200: { description: 'The key', schema: key } },
      handle: async ({ c, asker, params }) => {
        const request = { id: params['id'] ?? '' };
        const answer = await asker.call('identity', (options) => this.services.identity.revokeApiKey(request, options));
        return c.json(toRest(ApiKeySchema, answer.key ?? create(ApiKeySchema)), 200);
      },
    });
  }
}
