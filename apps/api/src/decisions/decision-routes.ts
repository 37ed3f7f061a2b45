/** `/v1/egress/decisions/{id}`: why a connection was let through or refused. */

import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { DecisionSchema } from '@sallyport/contracts/egress/v1/egress';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

@Injectable()
export class DecisionRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [
      endpoint({
        method: 'get',
        path: '/v1/egress/decisions/{id}',
        tag: 'egress',
        summary: 'Explain one decision; the id is the one the agent saw',
        answers: { 200: { description: 'The decision', schema: answerSchema(DecisionSchema) } },
        handle: async ({ c, asker, params }) => {
          const request = { id: params['id'] ?? '' };
          const answer = await asker.call('egress', (options) => this.services.egress.getDecision(request, options));
          return c.json(toRest(DecisionSchema, answer.decision ?? create(DecisionSchema)));
        },
      }),
    ];
  }
}
