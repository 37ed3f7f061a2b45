/** `/v1/runs`: ask for work, look at it, end it. */

import { create, type JsonObject } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { CreateRunRequestSchema, RunSchema, RunState, RunStateSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { LimitsSchema, MountSchema, StartSchema } from '@sallyport/contracts/unit/v1/unit';
import { taskTooLarge } from '../faults.ts';
import { durationSchema, type Endpoint, endpoint, flagSchema } from '../http/endpoint.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { enumWords, fromRest, toRest } from '../rest/rest-json.ts';
import { answerSchema, inputSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';
import { RunReader } from './run-reader.ts';
import { activeStates } from './run-state.ts';

const run = answerSchema(RunSchema);
const states = enumWords(RunStateSchema) as [string, ...string[]];
const taskBytes = 256 * 1024;
const longestWaitMs = 60_000;

const newRun = z
  .strictObject({
    role: z.string().max(63).optional().describe('What the agent is; exactly one of role and runner'),
    runner: z.string().max(63).optional().describe('A bare runner'),
    task: z.string().optional().describe('The task text, at most 256 KiB of UTF-8; a command says it by itself'),
    start: inputSchema(StartSchema)
      .optional()
      .describe('A file of a mount or a session to go on from, in place of a task'),
    argv: z.array(z.string().max(32_768)).max(1_000).optional(),
    mounts: z.array(inputSchema(MountSchema)).max(64).optional(),
    limits: inputSchema(LimitsSchema).optional(),
    session: z.string().max(63).optional().describe('Conversation to go on with, or to begin under this name'),
    stay: z.boolean().optional().describe('Wait for more input when the task is done'),
    profile: z.string().max(63).optional(),
  })
  .refine(
    (body) => (body.role === undefined) !== (body.runner === undefined),
    'exactly one of role and runner is needed',
  )
  .refine((body) => body.task === undefined || body.start === undefined, 'task and start exclude each other')
  .openapi('NewRun');

@Injectable()
export class RunRoutes {
  constructor(
    private readonly services: Services,
    private readonly runs: RunReader,
  ) {}

  endpoints(): Endpoint[] {
    return [this.create(), this.list(), this.get(), this.cancel()];
  }

  private create(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/runs',
      tag: 'runs',
      summary: 'Accept a task as a durable run',
      headers: { 'idempotency-key': 'The same key with the same body answers the same run for 24 hours' },
      body: newRun,
      keepsKeys: true,
      answers: {
        202: {
          description: 'The run, accepted',
          schema: run,
          headers: { location: 'Where it is', 'idempotent-replayed': '`true` when it had been accepted before' },
        },
      },
      handle: async ({ c, asker, body }) => {
        const { task, start, ...rest } = body;
        const bytes = Buffer.byteLength(task ?? '');
        if (bytes > taskBytes) throw taskTooLarge(bytes, taskBytes);
        const request = fromRest(CreateRunRequestSchema, {
          ...rest,
          start: start ?? { inline: task ?? (rest.argv ?? []).join(' ') },
        } as JsonObject);
        request.idempotencyKey = c.req.header('idempotency-key') ?? '';
        const answer = await asker.call('scheduler', (options) =>
          this.services.scheduler.createRun(request, { ...options, timeoutMs: 20_000 }),
        );
        const accepted = answer.run ?? create(RunSchema);
        c.header('location', `/v1/runs/${accepted.id}`);
        if (answer.replayed) c.header('idempotent-replayed', 'true');
        return c.json(toRest(RunSchema, accepted), 202);
      },
    });
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/runs',
      tag: 'runs',
      summary: 'List runs, newest first',
      query: {
        ...pageQuery,
        role: z.string().max(63).optional(),
        state: z
          .union([z.enum(states), z.array(z.enum(states))])
          .optional()
          .describe('May be repeated'),
        active: flagSchema.optional().describe('Only runs that are not over'),
      },
      answers: { 200: { description: 'A page of runs', schema: listSchema('Run', run) } },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const named = [query.state ?? []].flat().map((word) => RunState[word.toUpperCase() as keyof typeof RunState]);
        const request = {
          states: query.active === true && named.length === 0 ? [...activeStates] : named,
          role: query.role ?? '',
          pageSize: limit,
          pageToken: query.cursor ?? '',
        };
        const page = await asker.call('scheduler', (options) => this.services.scheduler.listRuns(request, options));
        return c.json(
          listBody(
            page.runs.map((item) => toRest(RunSchema, item)),
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
      path: '/v1/runs/{id}',
      tag: 'runs',
      summary: 'Get a run, or wait for its end',
      query: { wait: durationSchema(longestWaitMs).optional().openapi({ type: 'string', example: '30s' }) },
      answers: { 200: { description: 'The run; ended, or as it stands when the wait is over', schema: run } },
      handle: async ({ c, asker, params, query }) => {
        const found = await this.runs.wait(asker, params['id'] ?? '', query.wait ?? 0);
        return c.json(toRest(RunSchema, found));
      },
    });
  }

  private cancel(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/runs/{id}:cancel',
      tag: 'runs',
      summary: 'Record the wish to end a run',
      body: z.strictObject({ why: z.string().max(1_000).optional() }).openapi('CancelRun'),
      answers: { 202: { description: 'The run', schema: run } },
      handle: async ({ c, asker, params, body }) => {
        const request = { id: params['id'] ?? '', why: body.why ?? '' };
        const answer = await asker.call('scheduler', (options) => this.services.scheduler.cancelRun(request, options));
        return c.json(toRest(RunSchema, answer.run ?? create(RunSchema)), 202);
      },
    });
  }
}
