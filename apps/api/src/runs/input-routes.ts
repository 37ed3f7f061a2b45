/** `/v1/runs/{id}/inputs`: say the next thing to a run that is under way. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { InputSchema } from '@sallyport/contracts/unit/v1/input';
import { canonicalJson } from '@sallyport/core/canonical';
import { idFrom } from '@sallyport/core/ids';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

/** Characters; the scheduler counts the bytes. */
const textLength = 256 * 1024;

const newInput = z
  .strictObject({
    text: z
      .string()
      .max(textLength)
      .optional()
      .describe('The next thing to do, at most 256 KiB of UTF-8; it waits for the one before it'),
    cancel: z.string().max(64).optional().describe('Ends the named input, or with "" whichever is worked on'),
    leave: z.literal(true).optional().describe('Leave when everything said so far is done'),
  })
  .refine(
    ({ text, cancel, leave }) => [text, cancel, leave].filter((each) => each !== undefined).length === 1,
    'exactly one of text, cancel and leave is needed',
  )
  .openapi('NewInput');

type Body = NonNullable<MessageInitShape<typeof InputSchema>['body']>;

function bodyOf({ text, cancel }: z.infer<typeof newInput>): Body {
  if (text !== undefined) return { case: 'text', value: text };
  return cancel === undefined ? { case: 'leave', value: {} } : { case: 'cancel', value: cancel };
}

/** The input that a key of one caller stands for in one run; a fresh one without a key. */
const inputIdOf = (run: string, principal: string, key: string | undefined): string =>
  key === undefined ? '' : idFrom('input', canonicalJson([run, principal, key]));

@Injectable()
export class InputRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [
      endpoint({
        method: 'post',
        path: '/v1/runs/{id}/inputs',
        tag: 'runs',
        summary: 'Say the next thing to a run that stays, or end what it works on',
        headers: { 'idempotency-key': 'The same key with the same body is the same input of this run' },
        body: newInput,
        keepsKeys: true,
        answers: {
          202: {
            description: 'The input, accepted; the events `input.taken` and `input.ended` tell what becomes of it',
            schema: answerSchema(InputSchema),
            headers: { 'idempotent-replayed': '`true` when it had been accepted before' },
          },
        },
        handle: async ({ c, asker, params, body }) => {
          const run = params['id'] ?? '';
          const key = c.req.header('idempotency-key');
          const answer = await asker.call('scheduler', (options, { principal }) =>
            this.services.scheduler.sendInput(
              { run, input: { id: inputIdOf(run, principal, key), body: bodyOf(body) } },
              options,
            ),
          );
          if (answer.replayed) c.header('idempotent-replayed', 'true');
          return c.json(toRest(InputSchema, answer.input ?? create(InputSchema)), 202);
        },
      }),
    ];
  }
}
