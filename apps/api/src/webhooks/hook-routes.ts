/** `POST /v1/webhooks/{org}/{environment}/{name}`: requests whose signature is their only credential. */

import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { maxEventBytes } from '@sallyport/core/cloud-event';
import { tooManyRequests } from '../faults.ts';
import { readBytes } from '../http/body.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { Services } from '../services.ts';
import { SenderLimit } from './sender-limit.ts';

const received = z
  .object({ event: z.string().describe('Id of the event it became'), replayed: z.boolean() })
  .openapi('ReceivedWebhook');

@Injectable()
export class HookRoutes {
  private readonly limit: SenderLimit;

  constructor(
    private readonly services: Services,
    clock: Clock,
  ) {
    this.limit = new SenderLimit(clock);
  }

  endpoints(): Endpoint[] {
    return [this.receive()];
  }

  private receive(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/webhooks/{org}/{environment}/{name}',
      tag: 'webhooks',
      summary:
        'Take a request in that is signed by the Standard Webhooks specification; a repeated id is the same event',
      auth: 'none',
      raw: 'application/json',
      headers: {
        'webhook-id': 'Names the message; the same on every try',
        'webhook-timestamp': 'Seconds since the epoch, at most five minutes off',
        'webhook-signature': '`v1,` and the base64 HMAC-SHA-256 over id, timestamp and the bytes of the body',
      },
      answers: {
        202: { description: 'It is an event now', schema: received },
        200: { description: 'It was one before', schema: received },
      },
      handle: async ({ c, params }) => {
        if (!this.limit.admit(c.env.incoming.socket.remoteAddress ?? '')) throw tooManyRequests();
        const body = await readBytes(c, maxEventBytes);
        const request = {
          org: params['org'] ?? '',
          environment: params['environment'] ?? '',
          name: params['name'] ?? '',
          id: c.req.header('webhook-id') ?? '',
          timestamp: c.req.header('webhook-timestamp') ?? '',
          signature: c.req.header('webhook-signature') ?? '',
          body,
          contentType: c.req.header('content-type') ?? '',
        };
        const answer = await this.services.triggers.receiveWebhook(request, { trace: c.get('trace') });
        const { event, replayed } = answer;
        return c.json({ event, replayed }, replayed ? 200 : 202);
      },
    });
  }
}
