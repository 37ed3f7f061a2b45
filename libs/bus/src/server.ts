/**
 * Nest's transport over NATS request/reply with Protobuf bodies.
 *
 * Per message: the caller from the subject, the method, the deadline, the access row's callers, the token, then the
 * handler. Every refusal is a Fault in the reply; nothing else ever leaves.
 */

import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Msg, type Subscription } from '@nats-io/transport-node';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { type AccessRow, type Caller, callers } from '@sallyport/core/access';
import type { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import type { Call, TokenGate } from '@sallyport/core/gate';
import { lastValueFrom } from 'rxjs';
import type { Bus } from './connection.ts';
import type { RpcExtras } from './controller.ts';
import { inServerSpan } from './server-span.ts';
import { parseRpcSubject, rpcListen } from './subject.ts';
import { extractTrace } from './trace.ts';
import { encodeFault, header } from './wire.ts';

/** What the server tells about each call, for logs and metrics. */
export interface CallRecord {
  readonly method: string;
  readonly caller: string;
  readonly trace: string;
  readonly tookMs: number;
  readonly fault?: Fault;
}

export interface BusServerOptions {
  readonly bus: Bus;
  readonly gate: TokenGate;
  readonly clock: Clock;
  readonly onCall?: (record: CallRecord) => void;
}

interface Route {
  readonly extras: RpcExtras;
  readonly handler: MessageHandler;
}

export class BusServer extends Server implements CustomTransportStrategy {
  readonly #options: BusServerOptions;
  readonly #routes = new Map<string, Route>();
  readonly #inFlight = new Set<Promise<void>>();
  #subscription: Subscription | undefined;

  constructor(options: BusServerOptions) {
    super();
    this.#options = options;
  }

  listen(callback: (error?: unknown) => void): void {
    for (const handler of this.getHandlers().values()) {
      const extras = handler.extras as RpcExtras | undefined;
      if (extras?.method !== undefined) this.#routes.set(extras.method.name, { extras, handler });
    }
    const { bus } = this.#options;
    this.#subscription = bus.nats.subscribe(rpcListen(bus.caller), {
      queue: bus.caller,
      callback: (error, message) => {
        if (error !== null) return;
        const work = this.#answer(message).finally(() => this.#inFlight.delete(work));
        this.#inFlight.add(work);
      },
    });
    // The subscription counts once the server has seen it: only then is the service ready.
    bus.nats.flush().then(
      () => callback(),
      (error: unknown) => callback(error),
    );
  }

  /** Stops taking calls and waits for those in flight. */
  async close(): Promise<void> {
    this.#subscription?.unsubscribe();
    await Promise.allSettled(this.#inFlight);
  }

  on(): never {
    throw new Error('the bus transport has no events of its own');
  }

  unwrap<T>(): T {
    return this.#options.bus.nats as T;
  }

  async #answer(message: Msg): Promise<void> {
    const started = this.#options.clock.monotonic();
    const { context: ambient, traceId } = extractTrace(message.headers);
    const target = parseRpcSubject(message.subject);
    let fault: Fault | undefined;
    try {
      const body = await inServerSpan(ambient, target?.method ?? 'unknown', target?.caller ?? '', () =>
        this.#dispatch(message, target, traceId),
      );
      message.respond(body);
    } catch (thrown) {
      fault = Fault.from(thrown);
      const reply = encodeFault(fault);
      message.respond(reply.body, { headers: reply.headers });
    }
    this.#options.onCall?.({
      method: target?.method ?? '',
      caller: target?.caller ?? '',
      trace: traceId,
      tookMs: this.#options.clock.monotonic() - started,
      ...(fault === undefined ? {} : { fault }),
    });
  }

  async #dispatch(message: Msg, target: ReturnType<typeof parseRpcSubject>, trace: string): Promise<Uint8Array> {
    const route = target === undefined ? undefined : this.#routes.get(target.method);
    const caller = callers.find((known) => known === target?.caller);
    if (target === undefined || route === undefined || caller === undefined)
      throw unknownMethod(target?.method ?? message.subject);
    const deadline = deadlineOf(message, this.#options.clock);
    const { method, row } = route.extras;
    admitCaller(row, caller, target.method);
    const token = bearer(message.headers?.get(header.token));
    const claims =
      row.token === 'none'
        ? undefined
        : await this.#options.gate.admit(
            row,
            { token, proof: message.headers?.get(header.proof) || undefined },
            { method: method.name, uri: `bus:${method.parent.typeName}/${method.name}` },
          );
    const call = new ReceivedCall({ caller, claims, token, deadline, trace }, this.#options.clock);
    const request = decode(method.input, message.data);
    const answered: unknown = await lastValueFrom(this.transformToObservable(await route.handler(request, call)));
    if (this.#options.clock.now() >= deadline) throw tooLate();
    return toBinary(method.output, create(method.output, answered as MessageInitShape<DescMessage>));
  }
}

/** A call whose abort signal, and the timer behind it, exist only once a handler asks for them. */
class ReceivedCall implements Call {
  readonly caller: Caller;
  readonly claims: Call['claims'];
  readonly token: string | undefined;
  readonly deadline: number;
  readonly trace: string;
  readonly #clock: Clock;
  #signal: AbortSignal | undefined;

  constructor(facts: Omit<Call, 'signal'>, clock: Clock) {
    this.caller = facts.caller;
    this.claims = facts.claims;
    this.token = facts.token;
    this.deadline = facts.deadline;
    this.trace = facts.trace;
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.timeout(Math.max(1, this.deadline - this.#clock.now()));
    return this.#signal;
  }
}

const tooLate = (): Fault =>
  new Fault(
    'deadline_exceeded',
    'bus.deadline',
    'the caller stopped waiting before the answer was ready; the call may have taken effect',
  );

function admitCaller(row: AccessRow, caller: Caller, method: string): void {
  if (row.callers.includes(caller)) return;
  throw new Fault(
    'permission_denied',
    'bus.caller',
    `${caller} may not call ${method}; the access table of the service lists who may`,
    { caller, method },
  );
}

function deadlineOf(message: Msg, clock: Clock): number {
  const now = clock.now();
  const given = Number(message.headers?.get(header.deadline) || Number.NaN);
  if (!Number.isFinite(given)) return now + 10_000;
  if (given <= now)
    throw new Fault(
      'deadline_exceeded',
      'bus.deadline',
      'the call arrived after its caller stopped waiting; call again',
    );
  return given;
}

const bearer = (value: string | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : value.replace(/^(?:Bearer|DPoP) /, '');

function decode(schema: DescMessage, data: Uint8Array): unknown {
  try {
    return fromBinary(schema, data);
  } catch (error) {
    throw new Fault(
      'invalid_argument',
      'bus.malformed',
      `the body is not a ${schema.typeName}; send the message the contract names`,
      {},
      { cause: error },
    );
  }
}

const unknownMethod = (method: string): Fault =>
  new Fault('not_found', 'bus.method', `no such method: ${method.slice(0, 80)}; see the service's contract`);
