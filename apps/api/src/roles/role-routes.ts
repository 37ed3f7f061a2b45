/** `/v1/roles`: what agents are. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type Role, RoleSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { InvalidRequest } from '../faults.ts';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf, versionOf } from '../http/etag.ts';
import { listBody, listSchema } from '../http/page.ts';
import { fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const role = answerSchema(RoleSchema);

@Injectable()
export class RoleRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.list(), this.get(), this.apply()];
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/roles',
      tag: 'roles',
      summary: 'List roles by name',
      answers: { 200: { description: 'Every role of the environment', schema: listSchema('Role', role) } },
      handle: async ({ c, asker }) => {
        const { roles } = await asker.call('scheduler', (options) => this.services.scheduler.listRoles({}, options));
        return c.json(
          listBody(
            roles.map((item) => toRest(RoleSchema, item)),
            '',
            roles.length,
          ),
        );
      },
    });
  }

  private get(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/roles/{name}',
      tag: 'roles',
      summary: 'Get a role',
      answers: { 200: { description: 'The role', schema: role, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        const answer = await asker.call('scheduler', (options) => this.services.scheduler.getRole(request, options));
        return answerRole(c, answer.role);
      },
    });
  }

  private apply(): Endpoint {
    return endpoint({
      method: 'put',
      path: '/v1/roles/{name}',
      tag: 'roles',
      summary: 'Create or replace a role',
      headers: { 'if-match': 'The version that must be current; a later one answers 412' },
      body: inputSchema(RoleSchema),
      answers: { 200: { description: 'The role as stored', schema: role, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params, body }) => {
        const name = params['name'] ?? '';
        if (body['name'] !== undefined && body['name'] !== name) {
          throw new InvalidRequest([{ pointer: '/body/name', detail: 'differs from the name in the path' }]);
        }
        const request = {
          role: fromRest(RoleSchema, { ...(body as JsonObject), name }),
          ifVersion: versionOf(c.req.header('if-match')),
        };
        const answer = await asker.call('scheduler', (options) => this.services.scheduler.applyRole(request, options));
        return answerRole(c, answer.role);
      },
    });
  }
}

function answerRole(c: ApiContext, found: Role | undefined): Response {
  const stored = found ?? create(RoleSchema);
  c.header('etag', etagOf(stored.version));
  return c.json(toRest(RoleSchema, stored), 200);
}
