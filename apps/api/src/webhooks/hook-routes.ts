/** `POST /v1/webhooks/{org}/{environment}/{name}`: requests whose signature is their only credential. */

import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { maxEventBytes } from '@sallyport/core/cloud-event';
import { Fault, type FaultCode } from '@sallyport/core/fault';
import { tooManyRequests } from '../faults.ts';
import { readBytes } from '../http/body.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { Services } from '../services.ts';
import { SenderLimit } from './sender-limit.ts';

const received = z
  .object({ event: z.string().describe('Id of the event it became'), replayed: z.boolean() })
  .openapi('ReceivedWebhook');

/** The scheduler refuses so before it looks at a signature. */
const busy = 'scheduler.webhooks_busy';
const unjudged: ReadonlySet<FaultCode> = new Set(['aborted', 'deadline_exceeded', 'unavailable', 'internal']);

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
        const sender = c.env.incoming.socket.remoteAddress ?? '';
        if (!this.limit.admit(sender)) throw tooManyRequests();
        const body = await readBytes(c, maxEventBytes).catch((error: unknown) => {
          this.limit.unverified(sender);
          throw error;
        });
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
        const answer = this.services.triggers.receiveWebhook(request, { trace: c.get('trace') });
        const { event, replayed } = await this.judged(sender, answer);
        return c.json({ event, replayed }, replayed ? 200 : 202);
      },
    });
  }

  /** Tells the bound what the scheduler found out about the signature; nothing, when it did not get to look. */
  private async judged<T>(sender: string, answer: Promise<T>): Promise<T> {
    try {
      const taken = await answer;
      this.limit.verified(sender);
      return taken;
    } catch (error) {
      const { code, reason } = Fault.from(error);
      // Every other limit of the scheduler stands behind the signature.
      if (code === 'resource_exhausted' && reason !== busy) this.limit.verified(sender);
      else if (reason !== busy && !unjudged.has(code)) this.limit.unverified(sender);
      throw error;
    }
  }
}
