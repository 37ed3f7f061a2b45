/** The public form of run and unit events: CloudEvents 1.0 in JSON, with the types every surface shares. */

import type { JsonObject } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Run, RunSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { z } from '@hono/zod-openapi';
import { answerSchema, } from '../rest/rest-schema.ts';
import { toRest } from '../rest/rest-json.ts';

const bodies = UnitEventSchema.oneofs.find((oneof) => oneof.name === 'body')?.fields ?? [];

const typeByCase: ReadonlyMap<string, string> = new Map(
  bodies.map((field) => [field.localName, field.name.replaceAll('_', '.')]),
);

/** Every type a run's stream may hold, beside `end` and `lagged`. */
export const eventTypes: readonly string[] = [...typeByCase.values(), 'run.transition'];

/** `message.delta`, `tool.started`, ...; `raw` for an event without a body this version knows. */
export const typeOf = (event: UnitEvent): string => typeByCase.get(event.body.case ?? '') ?? 'raw';

export const runEventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.enum([...eventTypes] as [string, ...string[]]),
    subject: z.string().describe('The dispatch'),
    time: z.iso.datetime(),
    seq: z.int().optional().describe('Position in the run; absent for a transition'),
    data: z.union([z.record(z.string(), z.unknown()), answerSchema(RunSchema)]),
  })
  .openapi('RunEvent');

/** One output event as callers see it. */
export function unitEventJson(event: UnitEvent): JsonObject {
  const rest = toRest(UnitEventSchema, event);
  const type = typeOf(event);
  return {
    specversion: '1.0',
    id: event.id,
    source: `/v1/runs/${event.run}`,
    type,
    subject: event.dispatch,
    ...(event.at === undefined ? {} : { time: timestampDate(event.at).toISOString() }),
    seq: Number(event.seq),
    data: rest[type.replaceAll('.', '_')] ?? {},
  };
}

/** A run's state as an event of its stream. It is a level, not an edge: the newest one says all. */
export function transitionJson(run: Run): JsonObject {
  const rest = toRest(RunSchema, run);
  const time = run.since === undefined ? {} : { time: timestampDate(run.since).toISOString() };
  const id = `${run.id}/${String(rest['state'])}/${String(rest['task_state'])}/${run.dispatch}/${rest['since'] as string}`;
  return { specversion: '1.0', id, source: `/v1/runs/${run.id}`, type: 'run.transition', subject: run.dispatch, ...time, data: rest };
}
