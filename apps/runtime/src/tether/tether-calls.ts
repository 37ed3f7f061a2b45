/** What a supervisor may ask over its tether. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  create,
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { EgressService } from '@sallyport/contracts/egress/v1/egress';
import {
  AwaitControlRequestSchema,
  AwaitControlResponseSchema,
  AwaitWorkRequestSchema,
  AwaitWorkResponseSchema,
  EmitRequestSchema,
  EmitResponseSchema,
  ResolveRequestSchema,
  ResolveResponseSchema,
} from '@sallyport/contracts/runner/v1/tether';
import { Clock } from '@sallyport/core/clock';
import { malformedTether, tetherHungUp } from '../faults.ts';
import { RefusedOutput } from '../output/output-log.ts';
import type { LiveWorkload } from '../workloads/live-workload.ts';
import type { TetherCall } from './tether-server.ts';
import { Toll } from './toll.ts';

/** A control call is answered empty after this long, so that a broken peer is noticed. */
const controlMs = 25_000;

/** Events of one call; a supervisor sends no more at a time. */
export const maxEvents = 256;

const maxNameLength = 255;

@Injectable()
export class TetherCalls {
  readonly #egress: BusClient<typeof EgressService>;

  constructor(
    bus: Bus,
    private readonly clock: Clock,
  ) {
    this.#egress = busClient(bus, 'egress', EgressService);
  }

  /** The calls of one workload. */
  of(live: LiveWorkload): Readonly<Record<string, TetherCall>> {
    const toll = new Toll({ clock: this.clock });
    // Written once, however often it is asked for.
    let work: Promise<string> | undefined;
    const answer = (): Promise<string> =>
      (work ??= live.work.promise.then((given) => encode(AwaitWorkResponseSchema, given)));
    return {
      AwaitWork: toll.on((body, signal) => awaitWork(answer, body, signal)),
      Emit: toll.on((body, signal) => emit(live, toll, { body, signal })),
      Resolve: toll.on((body) => this.#resolve(live, body)),
      AwaitControl: toll.on((body, signal) => awaitControl(live, body, signal)),
    };
  }

  async #resolve(live: LiveWorkload, body: string): Promise<string> {
    const { name, type } = decode(ResolveRequestSchema, parse(body));
    if (name.length > maxNameLength || (type !== 'A' && type !== 'AAAA')) throw malformedTether('question');
    const { addresses, ttlSeconds } = await this.#egress.resolve({ name, type }, live.access.call(5_000));
    return encode(ResolveResponseSchema, { addresses, ttlSeconds });
  }
}

async function awaitWork(answer: () => Promise<string>, body: string, signal: AbortSignal): Promise<string> {
  decode(AwaitWorkRequestSchema, parse(body));
  return Promise.race([answer(), gone(signal)]);
}

interface Asked {
  readonly body: string;
  readonly signal: AbortSignal;
}

async function emit(live: LiveWorkload, toll: Toll, { body, signal }: Asked): Promise<string> {
  const given = parse(body);
  // Counted before anything is made of them: a mebibyte holds a hundred thousand.
  const count = eventsOf(given);
  if (count > maxEvents) throw malformedTether('number of events');
  await toll.events(count, signal);
  const { first, events } = decode(EmitRequestSchema, given);
  live.touch();
  return encode(EmitResponseSchema, { last: take(live, first, events) });
}

function take(live: LiveWorkload, first: bigint, events: MessageShape<typeof EmitRequestSchema>['events']): bigint {
  try {
    return live.output.take(first, events);
  } catch (error) {
    throw error instanceof RefusedOutput ? malformedTether('event', error) : error;
  }
}

async function awaitControl(live: LiveWorkload, body: string, signal: AbortSignal): Promise<string> {
  const { after } = decode(AwaitControlRequestSchema, parse(body));
  const held = new AbortController();
  const forget = live.inputs.onHeld(() => held.abort());
  const either = AbortSignal.any([signal, live.ending.signal, held.signal]);
  const isQuiet = !either.aborted && live.inputs.after(after).inputs.length === 0;
  if (isQuiet) await sleep(controlMs, undefined, { signal: either }).catch(() => undefined);
  forget();
  return encode(AwaitControlResponseSchema, { stop: live.ending.signal.aborted, ...live.inputs.after(after) });
}

/** Rejects when nobody waits for the answer any more. */
const gone = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const tell = (): void => reject(tetherHungUp());
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });

function parse(body: string): JsonValue {
  try {
    return JSON.parse(body) as JsonValue;
  } catch (error) {
    throw malformedTether('message', error);
  }
}

function eventsOf(given: JsonValue): number {
  const events = typeof given === 'object' && given !== null && !Array.isArray(given) ? given['events'] : undefined;
  return Array.isArray(events) ? events.length : 0;
}

function decode<S extends DescMessage>(schema: S, given: JsonValue): MessageShape<S> {
  try {
    return fromJson(schema, given);
  } catch (error) {
    throw malformedTether('message', error);
  }
}

const encode = <S extends DescMessage>(schema: S, init: MessageInitShape<S>): string =>
  JSON.stringify(toJson(schema, create(schema, init)));
