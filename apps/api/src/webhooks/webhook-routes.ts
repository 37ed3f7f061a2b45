/** `/v1/webhooks`: addresses at which others hand events in. A secret is answered once, when it is made. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { type Webhook, WebhookSchema } from '@sallyport/contracts/schedule/v1/trigger';
import { InvalidRequest } from '../faults.ts';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { listBody, listSchema } from '../http/page.ts';
import { fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';
import type { Session } from '../session/sessions.ts';

const path = z.string().describe('Where senders post to');
const webhook = answerSchema(WebhookSchema).extend({ path }).openapi('WebhookWithPath');
const changed = answerSchema(WebhookSchema)
  .extend({
    path,
    secret: z.string().optional().describe('`whsec_...`, only when it was made now; it is shown nowhere again'),
  })
  .openapi('ChangedWebhook');

@Injectable()
export class WebhookRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.list(), this.apply(), this.rotate(), this.remove()];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/webhooks',
      tag: 'webhooks',
      summary: 'List webhooks by name, never their secrets',
      answers: { 200: { description: 'Every webhook of the environment', schema: listSchema('Webhook', webhook) } },
      handle: async ({ c, asker }) => {
        const items = await asker.call('scheduler', async (options, session) => {
          const { webhooks } = await this.services.triggers.listWebhooks({}, options);
          return webhooks.map((each) => shown(each, session));
        });
        return c.json(listBody(items, '', items.length));
      },
    });
  }

  private apply(): Endpoint {
    return endpoint({
      method: 'put',
      path: '/v1/webhooks/{name}',
      tag: 'webhooks',
      summary: 'Create or change a webhook; a new one answers its secret',
      body: inputSchema(WebhookSchema),
      // A kept answer would hold the secret.
      keepsKeys: true,
      answers: { 200: { description: 'The webhook', schema: changed } },
      handle: async ({ c, asker, params, body }) => {
        const name = params['name'] ?? '';
        if (body['name'] !== undefined && body['name'] !== name)
          throw new InvalidRequest([{ pointer: '/body/name', detail: 'differs from the name in the path' }]);
        const request = { webhook: fromRest(WebhookSchema, { ...(body as JsonObject), name }) };
        return asker.call('scheduler', async (options, session) =>
          answerChange(c, await this.services.triggers.applyWebhook(request, options), session),
        );
      },
    });
  }

  private rotate(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/webhooks/{name}:rotate',
      tag: 'webhooks',
      summary: 'Make a new secret; the one until now stays good for an hour',
      body: z.strictObject({}).openapi('RotateWebhook'),
      // A kept answer would hold the secret.
      keepsKeys: true,
      answers: { 200: { description: 'The webhook with its new secret', schema: changed } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        return asker.call('scheduler', async (options, session) =>
          answerChange(c, await this.services.triggers.rotateWebhook(request, options), session),
        );
      },
    });
  }

  private remove(): Endpoint {
    return endpoint({
      method: 'delete',
      path: '/v1/webhooks/{name}',
      tag: 'webhooks',
      summary: 'Remove a webhook; from then on its address answers nobody',
      answers: { 204: { description: 'It is removed' } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        await asker.call('scheduler', (options) => this.services.triggers.deleteWebhook(request, options));
        return c.body(null, 204);
      },
    });
  }
}

/** A webhook with its address, which is of the asker's org and environment. */
const shown = (found: Webhook, { org, environment }: Session): JsonObject => ({
  ...toRest(WebhookSchema, found),
  path: `/v1/webhooks/${org}/${environment}/${found.name}`,
});

function answerChange(
  c: ApiContext,
  { webhook: found, secret }: { readonly webhook?: Webhook | undefined; readonly secret: string },
  session: Session,
): Response {
  const body = shown(found ?? create(WebhookSchema), session);
  return c.json(secret === '' ? body : { ...body, secret }, 200);
}
