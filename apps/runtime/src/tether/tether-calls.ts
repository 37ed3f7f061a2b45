/** What a supervisor may ask over its tether. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  create,
  type DescMessage,
  fromJson,
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
import { Flow } from './flow.ts';
import type { TetherCall } from './tether-server.ts';

/** A control call is answered empty after this long, so that a broken peer is noticed. */
const controlMs = 25_000;

const flowBytesPerSecond = 16 * 1024 * 1024;

/** What a call costs at least, so that a thousand a second are as many as one workload gets. */
const callBytes = 16 * 1024;

/** A call that waits while its workload has used up its share of this process. */
const paced =
  (flow: Flow, call: TetherCall): TetherCall =>
  async (body, signal) => {
    const wait = flow.take(Math.max(body.length, callBytes));
    if (wait > 1) await sleep(wait, undefined, { signal }).catch(() => undefined);
    return call(body, signal);
  };
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
    const flow = new Flow({ bytesPerSecond: flowBytesPerSecond, burstBytes: flowBytesPerSecond, clock: this.clock });
    return {
      AwaitWork: paced(flow, (body, signal) => awaitWork(live, body, signal)),
      Emit: paced(flow, (body) => emit(live, body)),
      Resolve: paced(flow, (body) => this.#resolve(live, body)),
      AwaitControl: paced(flow, (body, signal) => awaitControl(live, body, signal)),
    };
  }

  async #resolve(live: LiveWorkload, body: string): Promise<string> {
    const { name, type } = decode(ResolveRequestSchema, body);
    if (name.length > maxNameLength || (type !== 'A' && type !== 'AAAA')) throw malformedTether('question');
    const { addresses, ttlSeconds } = await this.#egress.resolve({ name, type }, live.access.call(5_000));
    return encode(ResolveResponseSchema, { addresses, ttlSeconds });
  }
}

async function awaitWork(live: LiveWorkload, body: string, signal: AbortSignal): Promise<string> {
  decode(AwaitWorkRequestSchema, body);
  return encode(AwaitWorkResponseSchema, await Promise.race([live.work.promise, gone(signal)]));
}

async function emit(live: LiveWorkload, body: string): Promise<string> {
  const { first, events } = decode(EmitRequestSchema, body);
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
  const { after } = decode(AwaitControlRequestSchema, body);
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

function decode<S extends DescMessage>(schema: S, body: string): MessageShape<S> {
  try {
    return fromJson(schema, JSON.parse(body));
  } catch (error) {
    throw malformedTether('message', error);
  }
}

const encode = <S extends DescMessage>(schema: S, init: MessageInitShape<S>): string =>
  JSON.stringify(toJson(schema, create(schema, init)));
