/** `/v1/runners`: what the edges can drive. */

import { Injectable } from '@nestjs/common';
import { RunnerDescriptionSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { listBody, listSchema } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

@Injectable()
export class RunnerRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [
      endpoint({
        method: 'get',
        path: '/v1/runners',
        tag: 'runners',
        summary: 'List what the edges can drive, with versions and what is missing',
        answers: {
          200: {
            description: 'Every runner of every edge',
            schema: listSchema('RunnerDescription', answerSchema(RunnerDescriptionSchema)),
          },
        },
        handle: async ({ c, asker }) => {
          const { runners } = await asker.call('scheduler', (options) =>
            this.services.scheduler.listRunners({}, options),
          );
          const items = runners.map((item) => toRest(RunnerDescriptionSchema, item));
          return c.json(listBody(items, '', items.length));
        },
      }),
    ];
  }
}
