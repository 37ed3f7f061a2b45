/** Health for machines, status for people, and what a refusal's `type` points to. */

import { z } from '@hono/zod-openapi';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import type { ApiEnv } from '../config.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { protocol, version } from '../version.ts';
import { Catalogue } from './catalogue.ts';
import { Probe } from './probe.ts';

const serviceState = z
  .object({
    name: z.string(),
    state: z.enum(['ready', 'unavailable']),
    took_ms: z.number(),
    reason: z.string().optional(),
  })
  .openapi('ServiceState');

@Injectable()
export class StatusRoutes {
  private readonly catalogue: Catalogue;

  constructor(
    private readonly probe: Probe,
    @Inject(CONFIG) config: ApiEnv,
  ) {
    this.catalogue = new Catalogue(config.SALLY_API_DOCS);
  }

  endpoints(): Endpoint[] {
    return [this.health(), this.ready(), this.versions(), this.status(), this.problem()];
  }

  private health(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/healthz',
      tag: 'status',
      summary: 'The process lives',
      auth: 'none',
      answers: { 200: { description: 'It does', schema: z.object({ status: z.literal('ok') }) } },
      handle: async ({ c }) => c.json({ status: 'ok' }),
    });
  }

  private ready(): Endpoint {
    const schema = z
      .object({ status: z.enum(['ready', 'waiting']), dependencies: z.array(serviceState) })
      .openapi('Readiness');
    return endpoint({
      method: 'get',
      path: '/readyz',
      tag: 'status',
      summary: 'What this process depends on answers',
      auth: 'none',
      answers: { 200: { description: 'Ready', schema }, 503: { description: 'Something is missing', schema } },
      handle: async ({ c }) => {
        const dependencies = await this.probe.own();
        const isReady = dependencies.every(({ state }) => state === 'ready');
        return c.json({ status: isReady ? 'ready' : 'waiting', dependencies }, isReady ? 200 : 503);
      },
    });
  }

  private versions(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/version',
      tag: 'status',
      summary: 'Versions of this server',
      auth: 'none',
      answers: {
        200: {
          description: 'Versions',
          schema: z.object({ version: z.string(), protocol: z.string(), node: z.string() }).openapi('Version'),
        },
      },
      handle: async ({ c }) => c.json({ version, protocol, node: process.versions.node }),
    });
  }

  private status(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/status',
      tag: 'status',
      summary: 'Whether each service answers, and who asks',
      answers: {
        200: {
          description: 'The state of the stack',
          schema: z
            .object({
              status: z.enum(['ready', 'degraded']),
              version: z.string(),
              org: z.string(),
              environment: z.string(),
              principal: z.string(),
              scopes: z.array(z.string()),
              services: z.array(serviceState),
            })
            .openapi('Status'),
        },
      },
      handle: async ({ c, asker }) => {
        const { org, environment, principal, scopes } = await asker.vouched();
        const services = await this.probe.all();
        const status = services.every(({ state }) => state === 'ready') ? 'ready' : 'degraded';
        return c.json({ status, version, org, environment, principal, scopes: [...scopes], services });
      },
    });
  }

  private problem(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/problems/{reason}',
      tag: 'status',
      summary: 'What a reason means and what to do about it',
      auth: 'none',
      answers: { 200: { description: 'Text for people', type: 'text/plain', schema: z.string() } },
      handle: async ({ c, params }) => c.text(this.catalogue.explain(params['reason'] ?? '')),
    });
  }
}
