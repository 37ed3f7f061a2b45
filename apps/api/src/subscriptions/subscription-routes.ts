/** `/v1/subscriptions`: what fires when an event comes. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { GrantSchema, GrantTermsSchema } from '@sallyport/contracts/identity/v1/grant';
import {
  ApplySubscriptionRequestSchema,
  ConsentTriggerRequestSchema,
  FiringSchema,
  type Subscription,
  SubscriptionSchema,
} from '@sallyport/contracts/schedule/v1/trigger';
import { InvalidRequest } from '../faults.ts';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf, mustBeAbsent, versionOf } from '../http/etag.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const subscription = answerSchema(SubscriptionSchema);
/** Consent and its terms beside the fields of the thing; ids, hashes and times that are sent back are ignored. */
const applied = inputSchema(SubscriptionSchema)
  .extend({
    consent: z.boolean().optional().describe('Give the grant it runs on too; needs the scope `grant:write`'),
    terms: inputSchema(GrantTermsSchema).optional().describe('Bounds of that grant'),
  })
  .openapi('ApplySubscription');

@Injectable()
export class SubscriptionRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.list(), this.get(), this.apply(), this.remove(), this.consent(), this.firings()];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/subscriptions',
      tag: 'subscriptions',
      summary: 'List subscriptions by name',
      query: pageQuery,
      answers: { 200: { description: 'A page of subscriptions', schema: listSchema('Subscription', subscription) } },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const request = { pageSize: limit, pageToken: query.cursor ?? '' };
        const page = await asker.call('scheduler', (options) =>
          this.services.triggers.listSubscriptions(request, options),
        );
        return c.json(
          listBody(
            page.subscriptions.map((item) => toRest(SubscriptionSchema, item)),
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
      path: '/v1/subscriptions/{name}',
      tag: 'subscriptions',
      summary: 'Get a subscription',
      answers: { 200: { description: 'The subscription', schema: subscription, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.getSubscription(request, options),
        );
        return answerSubscription(c, answer.subscription);
      },
    });
  }

  private apply(): Endpoint {
    return endpoint({
      method: 'put',
      path: '/v1/subscriptions/{name}',
      tag: 'subscriptions',
      summary: 'Create or replace a subscription',
      headers: {
        'if-match': 'The version that must be current; a later one answers 412',
        'if-none-match': '`*`: nothing of that name may be there; else 412',
      },
      body: applied,
      answers: {
        200: { description: 'The subscription as stored', schema: subscription, headers: { etag: 'Its version' } },
      },
      handle: async ({ c, asker, params, body }) => {
        const name = params['name'] ?? '';
        const { consent, terms, ...fields } = body as JsonObject;
        if (fields['name'] !== undefined && fields['name'] !== name)
          throw new InvalidRequest([{ pointer: '/body/name', detail: 'differs from the name in the path' }]);
        const request = fromRest(ApplySubscriptionRequestSchema, {
          subscription: { ...fields, name },
          ...(consent === undefined ? {} : { consent }),
          ...(terms === undefined ? {} : { terms }),
        });
        request.ifVersion = versionOf(c.req.header('if-match'));
        request.ifAbsent = mustBeAbsent(c.req.header('if-none-match'));
        const answer = await asker.call('scheduler', (options) =>
          this.services.triggers.applySubscription(request, { ...options, timeoutMs: 15_000 }),
        );
        return answerSubscription(c, answer.subscription);
      },
    });
  }

  private remove(): Endpoint {
    return endpoint({
      method: 'delete',
      path: '/v1/subscriptions/{name}',
      tag: 'subscriptions',
      summary: 'Remove a subscription and end its grant; its history stays',
      answers: { 204: { description: 'It is removed' } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        await asker.call('scheduler', (options) => this.services.triggers.deleteSubscription(request, options));
        return c.body(null, 204);
      },
    });
  }

  private consent(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/subscriptions/{name}:consent',
      tag: 'subscriptions',
      summary: 'Give the grant for a subscription as it is; refused when it is no longer as shown',
      body: z
        .strictObject({
          spec_hash: z.string().max(64).describe('The `spec_hash` that was shown'),
          terms: inputSchema(GrantTermsSchema).optional(),
        })
        .openapi('ConsentSubscription'),
      answers: { 201: { description: 'The grant', schema: answerSchema(GrantSchema) } },
      handle: async ({ c, asker, params, body }) => {
        const named = { ...(body as JsonObject), kind: 'subscription', name: params['name'] ?? '' };
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
      path: '/v1/subscriptions/{name}/firings',
      tag: 'subscriptions',
      summary: 'Every event it wanted with its run or the reason for none, newest first; a removed one goes by its id',
      query: pageQuery,
      answers: { 200: { description: 'A page of firings', schema: listSchema('Firing', answerSchema(FiringSchema)) } },
      handle: async ({ c, asker, params, query }) => {
        const limit = limitOf(query.limit);
        const request = {
          kind: 'subscription',
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
}

function answerSubscription(c: ApiContext, found: Subscription | undefined): Response {
  const stored = found ?? create(SubscriptionSchema);
  c.header('etag', etagOf(stored.version));
  return c.json(toRest(SubscriptionSchema, stored), 200);
}
