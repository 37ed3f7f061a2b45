/** The public form of run and unit events: CloudEvents 1.0 in JSON, with the types every surface shares. */

import type { DescMessage, JsonObject } from '@bufbuild/protobuf';
import { timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { z } from '@hono/zod-openapi';
import { type Run, RunSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';

const bodies = UnitEventSchema.oneofs.find((oneof) => oneof.name === 'body')?.fields ?? [];

interface BodyKind {
  readonly type: string;
  readonly message: DescMessage | undefined;
}

const kindByCase: ReadonlyMap<string, BodyKind> = new Map(
  bodies.map((field) => [field.localName, { type: field.name.replaceAll('_', '.'), message: field.message }]),
);

/** Every type a run's stream may hold, beside `end` and `lagged`. */
export const eventTypes: readonly string[] = [...[...kindByCase.values()].map(({ type }) => type), 'run.transition'];

/** `message.delta`, `tool.started`, ...; `raw` for an event without a body this version knows. */
export const typeOf = (event: UnitEvent): string => kindByCase.get(event.body.case ?? '')?.type ?? 'raw';

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
  const { value } = event.body;
  const message = kindByCase.get(event.body.case ?? '')?.message;
  return {
    specversion: '1.0',
    id: event.id,
    source: `/v1/runs/${event.run}`,
    type: typeOf(event),
    subject: event.dispatch,
    ...(event.at === undefined ? {} : { time: timestampDate(event.at).toISOString() }),
    seq: Number(event.seq),
    data: message === undefined || value === undefined ? {} : toRest(message, value),
  };
}

/** Names a state of a run: equal for equal states, however often they are told. */
export const transitionId = (run: Run): string =>
  [run.id, run.since === undefined ? 0 : timestampMs(run.since), run.state, run.taskState, run.dispatch].join('/');

/** A run's state as an event of its stream. It is a level, not an edge: the newest one says all. */
export function transitionJson(run: Run): JsonObject {
  return {
    specversion: '1.0',
    id: transitionId(run),
    source: `/v1/runs/${run.id}`,
    type: 'run.transition',
    subject: run.dispatch,
    ...(run.since === undefined ? {} : { time: timestampDate(run.since).toISOString() }),
    data: toRest(RunSchema, run),
  };
}
