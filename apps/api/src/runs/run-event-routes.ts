/** A run's events: as a resumable stream, as a page, or as the bytes its processes wrote. */

import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { RunSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { Stream, type UnitEvent } from '@sallyport/contracts/unit/v1/event';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { InvalidRequest } from '../faults.ts';
import { type ApiContext, countSchema, type Endpoint, endpoint, flagSchema } from '../http/endpoint.ts';
import { lastEventId } from '../http/last-event-id.ts';
import { encodeFrame, type SseBatch, type SseEvent } from '../http/sse.ts';
import { streamBytes } from '../http/stream-bytes.ts';
import { Streams } from '../http/streams.ts';
import { Live } from '../live.ts';
import { toRest } from '../rest/rest-json.ts';
import type { Asker } from '../session/asker.ts';
import { whileEntitled } from '../while-entitled.ts';
import { type Followed, followRun } from './follow-run.ts';
import { eventTypes, runEventSchema, transitionJson, typeOf, unitEventJson } from './run-events.ts';
import { RunReader } from './run-reader.ts';

interface Wanted {
  readonly deltas: boolean;
  readonly types: ReadonlySet<string> | undefined;
}

@Injectable()
export class RunEventRoutes {
  constructor(
    private readonly runs: RunReader,
    private readonly streams: Streams,
    private readonly live: Live,
    private readonly clock: Clock,
  ) {}

  endpoints(): Endpoint[] {
    return [this.events(), this.output()];
  }

  private events(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/runs/{id}/events',
      tag: 'runs',
      summary: 'Follow a run, or page through its events',
      headers: {
        accept: '`text/event-stream` follows the run to its end; anything else answers a page',
        'last-event-id': 'Last sequence seen; the stream goes on behind it',
      },
      query: {
        after: countSchema.optional().openapi({ type: 'integer', description: 'Last sequence seen' }),
        cursor: countSchema.optional().openapi({ type: 'integer', description: 'Same as after, for pages' }),
        limit: countSchema.optional().openapi({ type: 'integer', maximum: 1000 }),
        deltas: flagSchema.optional().describe('With message.delta events'),
        types: z.string().max(1_000).optional().describe('Only these types, separated by commas'),
      },
      answers: {
        200: {
          description: 'A page, or a stream of the same events (`event: end` closes it)',
          streams: true,
          schema: z
            .object({ items: z.array(runEventSchema), next_cursor: z.string().nullable(), end: z.boolean() })
            .openapi('RunEventPage'),
        },
      },
      handle: async ({ c, asker, params, query }) => {
        const after = lastEventId(c) ?? BigInt(query.after ?? query.cursor ?? 0);
        const wanted = { deltas: query.deltas ?? false, types: typesOf(query.types) };
        const id = params['id'] ?? '';
        if ((c.req.header('accept') ?? '').includes('text/event-stream'))
          return this.stream(c, asker, id, { after, wanted });
        const page = await this.runs.page(asker, id, after, Math.min(1_000, query.limit || 200));
        const last = page.events.at(-1)?.seq ?? after;
        const items = page.events.filter((event) => isWanted(typeOf(event), wanted)).map(unitEventJson);
        return c.json({ items, next_cursor: page.end ? null : String(last), end: page.end });
      },
    });
  }

  private output(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/runs/{id}/output',
      tag: 'runs',
      summary: 'The bytes a run has written so far, unchanged',
      query: { stream: z.enum(['stdout', 'stderr']).optional() },
      answers: {
        200: {
          description: 'Raw bytes',
          type: 'application/octet-stream',
          schema: z.string().openapi({ format: 'binary' }),
        },
      },
      handle: async ({ asker, params, query }) => {
        const id = params['id'] ?? '';
        await this.runs.get(asker, id);
        const only = query.stream === undefined ? undefined : query.stream === 'stdout' ? Stream.STDOUT : Stream.STDERR;
        return streamBytes(this.bytes(asker, id, only), { 'content-type': 'application/octet-stream' });
      },
    });
  }

  private async *bytes(asker: Asker, id: string, only: Stream | undefined): AsyncGenerator<Uint8Array> {
    let after = 0n;
    for (;;) {
      const page = await this.runs.page(asker, id, after, 500);
      yield Buffer.concat(page.events.flatMap((event) => outputOf(event, only)));
      after = page.events.at(-1)?.seq ?? after;
      if (page.end || page.events.length === 0) return;
    }
  }

  private async stream(
    c: ApiContext,
    asker: Asker,
    id: string,
    { after, wanted }: { readonly after: bigint; readonly wanted: Wanted },
  ): Promise<Response> {
    const source = await this.runs.source(asker, id);
    const { streams, live, clock } = this;
    const { recheckMs } = streams;
    return streams.respond(c, (closed) =>
      this.frames(
        whileEntitled({ live, asker, signal: closed }, (signal) =>
          followRun(source, { after, signal, recheckMs, clock }),
        ),
        wanted,
      ),
    );
  }

  private async *frames(followed: AsyncGenerator<Iterable<Followed>>, wanted: Wanted): AsyncGenerator<SseBatch> {
    try {
      for await (const batch of followed) yield framesOf(batch, wanted);
    } catch (error) {
      const { code, reason, message } = Fault.from(error);
      yield [{ event: 'problem', data: JSON.stringify({ code: reason, category: code, detail: message }) }];
    }
  }
}

/** One after the other, so that of a batch which waits for a slow reader nothing is held in two forms. */
function* framesOf(batch: Iterable<Followed>, wanted: Wanted): SseBatch {
  for (const item of batch) yield* frameOf(item, wanted);
}

/** Frames of events that more readers than one may hold: made once for all of them. */
const sharedFrames = new WeakMap<UnitEvent, Uint8Array>();

function outputFrame(event: UnitEvent, type: string, shared: boolean): Uint8Array {
  const known = sharedFrames.get(event);
  if (known !== undefined) return known;
  const made = encodeFrame({ id: String(event.seq), event: type, data: JSON.stringify(unitEventJson(event)) });
  if (shared) sharedFrames.set(event, made);
  return made;
}

function frameOf(item: Followed, wanted: Wanted): (SseEvent | Uint8Array)[] {
  switch (item.kind) {
    case 'output': {
      const type = typeOf(item.event);
      return isWanted(type, wanted) ? [outputFrame(item.event, type, item.shared)] : [];
    }
    case 'run':
      if (!isWanted('run.transition', wanted)) return [];
      return [{ event: 'run.transition', data: JSON.stringify(transitionJson(item.run)) }];
    case 'lagged':
      return [{ event: 'lagged', data: JSON.stringify({ reason: 'reader_behind', cursor: String(item.cursor) }) }];
    case 'end':
      return [{ event: 'end', data: JSON.stringify(toRest(RunSchema, item.run)) }];
  }
}

const isWanted = (type: string, wanted: Wanted): boolean =>
  (type !== 'message.delta' || wanted.deltas) && (wanted.types === undefined || wanted.types.has(type));

function outputOf(event: UnitEvent, only: Stream | undefined): Uint8Array[] {
  if (event.body.case !== 'output') return [];
  return only === undefined || event.body.value.stream === only ? [event.body.value.data] : [];
}

function typesOf(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const types = text.split(',');
  const stranger = types.find((type) => !eventTypes.includes(type));
  if (stranger === undefined) return new Set(types);
  throw new InvalidRequest([{ pointer: '/query/types', detail: `${stranger} is no event type` }]);
}
