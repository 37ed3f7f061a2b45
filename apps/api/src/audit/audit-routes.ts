/** `/v1/audit`: query, tail, checkpoint and export of the tamper-evident log. */

import { create } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { CheckpointSchema, type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { Fault } from '@sallyport/core/fault';
import { countSchema, type Endpoint, endpoint } from '../http/endpoint.ts';
import { lastEventId } from '../http/last-event-id.ts';
import type { SseBatch } from '../http/sse.ts';
import { streamBytes } from '../http/stream-bytes.ts';
import { Streams } from '../http/streams.ts';
import { Live } from '../live.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';
import type { Asker } from '../session/asker.ts';
import { whileEntitled } from '../while-entitled.ts';
import { type AuditSource, followAudit } from './follow-audit.ts';

const event = answerSchema(EventSchema);
const largest = 1_000;

const filters = {
  kind: z
    .union([z.string().max(64), z.array(z.string().max(64))])
    .optional()
    .describe('May be repeated'),
  run: z.string().max(64).optional(),
};

@Injectable()
export class AuditRoutes {
  constructor(
    private readonly services: Services,
    private readonly live: Live,
    private readonly streams: Streams,
  ) {}

  endpoints(): Endpoint[] {
    return [this.query(), this.tail(), this.checkpoint(), this.export()];
  }

  private query(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/audit/events',
      tag: 'audit',
      summary: 'Query the log in order',
      query: {
        ...filters,
        environment: z.string().max(63).optional(),
        cursor: countSchema.optional().openapi({ type: 'integer', description: 'First sequence wanted' }),
        limit: countSchema.optional().openapi({ type: 'integer', maximum: largest }),
      },
      answers: {
        200: {
          description: 'A page of events',
          schema: z
            .object({ items: z.array(event), next_cursor: z.string().nullable(), limit: z.int() })
            .openapi('AuditEventList'),
        },
      },
      handle: async ({ c, asker, query }) => {
        const limit = Math.min(largest, query.limit || 200);
        const request = {
          fromSeq: BigInt(query.cursor ?? 0),
          environment: query.environment ?? '',
          run: query.run ?? '',
          kinds: [query.kind ?? []].flat(),
          pageSize: limit,
        };
        const page = await asker.call('audit', (options) => this.services.audit.query(request, options));
        const items = page.events.map((item) => toRest(EventSchema, item));
        return c.json({ items, next_cursor: page.end ? null : String(page.nextSeq), limit });
      },
    });
  }

  private tail(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/audit/tail',
      tag: 'audit',
      summary: "Follow the log of the key's environment from now on, or from a sequence",
      headers: { 'last-event-id': 'Last sequence seen; the stream goes on behind it' },
      query: {
        ...filters,
        from: countSchema.optional().openapi({ type: 'integer', description: 'First sequence wanted' }),
      },
      answers: { 200: { description: 'Events named `audit`', type: 'text/event-stream', schema: z.string() } },
      handle: async ({ c, asker, query }) => {
        const { org, environment } = await asker.session('audit');
        const last = lastEventId(c);
        const source = this.source(asker, { org, environment, run: query.run ?? '', kinds: [query.kind ?? []].flat() });
        const asked = last === undefined ? query.from : last + 1n;
        const from = asked === undefined ? await source.now() : BigInt(asked);
        await source.page(from, 1);
        const { streams, live } = this;
        const { recheckMs } = streams;
        return streams.respond(c, (closed) =>
          frames(
            whileEntitled({ live, asker, signal: closed }, (signal) =>
              followAudit(source, { from, signal, recheckMs }),
            ),
          ),
        );
      },
    });
  }

  private checkpoint(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/audit/checkpoint',
      tag: 'audit',
      summary: 'The newest signed checkpoint',
      query: {
        min_size: countSchema
          .optional()
          .openapi({ type: 'integer', description: 'Wait for one that covers so many events' }),
      },
      answers: {
        200: {
          description: 'The checkpoint and the key that verifies it',
          schema: z
            .object({ checkpoint: answerSchema(CheckpointSchema), verifier_key: z.string() })
            .openapi('SignedCheckpoint'),
        },
      },
      handle: async ({ c, asker, query }) => {
        const request = { minSize: BigInt(query.min_size ?? 0) };
        const answer = await asker.call('audit', (options) => this.services.audit.getCheckpoint(request, options));
        const checkpoint = toRest(CheckpointSchema, answer.checkpoint ?? create(CheckpointSchema));
        return c.json({ checkpoint, verifier_key: answer.verifierKey });
      },
    });
  }

  private export(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/audit/export',
      tag: 'audit',
      summary: 'The whole log as a bundle that verifies offline',
      answers: {
        200: {
          description: 'A tar archive',
          type: 'application/x-tar',
          schema: z.string().openapi({ format: 'binary' }),
        },
      },
      handle: async ({ asker }) =>
        streamBytes(this.bundle(asker), {
          'content-type': 'application/x-tar',
          'content-disposition': 'attachment; filename="sallyport-audit.tar"',
        }),
    });
  }

  private async *bundle(asker: Asker): AsyncGenerator<Uint8Array> {
    const timeoutMs = 60_000;
    const opened = await asker.call('audit', (options) =>
      this.services.audit.openExport({}, { ...options, timeoutMs }),
    );
    for (;;) {
      const request = { export: opened.export };
      const { data, end } = await asker.call('audit', (options) =>
        this.services.audit.readExport(request, { ...options, timeoutMs }),
      );
      yield data;
      if (end) return;
    }
  }

  private source(
    asker: Asker,
    filter: { org: string; environment: string; run: string; kinds: string[] },
  ): AuditSource {
    const { org, ...rest } = filter;
    return {
      page: (fromSeq, pageSize) =>
        asker.call('audit', (options) => this.services.audit.query({ ...rest, fromSeq, pageSize }, options)),
      now: async () => {
        const answer = await asker.call('audit', (options) =>
          this.services.audit.getCheckpoint({ minSize: 0n }, options),
        );
        return answer.checkpoint?.size ?? 0n;
      },
      onGrowth: (listener) => this.live.onAudit(org, rest.environment, listener),
    };
  }
}

async function* frames(followed: AsyncGenerator<Iterable<Event>>): AsyncGenerator<SseBatch> {
  try {
    for await (const batch of followed) {
      yield framesOf(batch);
    }
  } catch (error) {
    const { code, reason, message } = Fault.from(error);
    yield [{ event: 'problem', data: JSON.stringify({ code: reason, category: code, detail: message }) }];
  }
}

function* framesOf(batch: Iterable<Event>): SseBatch {
  for (const item of batch)
    yield { id: String(item.seq), event: 'audit', data: JSON.stringify(toRest(EventSchema, item)) };
}
