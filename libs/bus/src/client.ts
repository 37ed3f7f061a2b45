/** Typed calls to another service. */

import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { headers, type Msg, NoRespondersError, TimeoutError } from '@nats-io/transport-node';
import type { Caller } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import type { Bus } from './connection.ts';
import type { BusClient, CallOptions } from './handlers.ts';
import { ConnectionLost } from './requests.ts';
import { rpcSubject } from './subject.ts';
import { injectTrace } from './trace.ts';
import { decodeFault, header } from './wire.ts';

const defaultTimeoutMs = 10_000;

/** A client of one service's contract. Every failure is a Fault: the callee's own, or `bus.*` when none came back. */
export function busClient<S extends DescService>(bus: Bus, target: Caller, service: S): BusClient<S> {
  const methods = service.methods.map((method) => [
    method.localName,
    (request: MessageInitShape<DescMessage>, options: CallOptions = {}) => call(bus, target, method, request, options),
  ]);
  return Object.fromEntries(methods) as BusClient<S>;
}

async function call(
  bus: Bus,
  target: Caller,
  method: DescMethod,
  request: MessageInitShape<DescMessage>,
  options: CallOptions,
): Promise<unknown> {
  const timeout = options.timeoutMs ?? defaultTimeoutMs;
  const wire = headers();
  wire.set(header.deadline, String(Date.now() + timeout));
  injectTrace(wire, options.trace);
  if (options.token !== undefined) wire.set(header.token, options.token);
  if (options.prove !== undefined) {
    wire.set(
      header.proof,
      await options.prove({ method: method.name, uri: `bus:${method.parent.typeName}/${method.name}` }),
    );
  }
  const body = toBinary(method.input, create(method.input, request));
  const reply = await send(bus, rpcSubject(target, bus.caller, method.name), body, { timeout, headers: wire }, target);
  const fault = decodeFault(reply.data, reply.headers);
  if (fault !== undefined) throw fault;
  return fromBinary(method.output, reply.data);
}

async function send(
  bus: Bus,
  subject: string,
  body: Uint8Array,
  options: { timeout: number; headers: ReturnType<typeof headers> },
  target: Caller,
): Promise<Msg> {
  if (!bus.connected) throw disconnected(target);
  try {
    return await bus.requests.ask(subject, body, options);
  } catch (error) {
    throw error instanceof ConnectionLost ? disconnected(target) : transportFault(error, target);
  }
}

const disconnected = (target: Caller): Fault =>
  new Fault(
    'unavailable',
    'bus.disconnected',
    `NATS is not there, so ${target} cannot be asked; it is tried again by itself, call again in a moment`,
    {
      service: target,
    },
  );

function transportFault(error: unknown, target: Caller): Fault {
  if (error instanceof NoRespondersError) {
    return new Fault(
      'unavailable',
      'bus.no_responder',
      `${target} is not running or not ready; try again in a moment`,
      { service: target },
      { cause: error },
    );
  }
  if (error instanceof TimeoutError) {
    return new Fault(
      'deadline_exceeded',
      'bus.timeout',
      `${target} did not answer in time; the call may have taken effect`,
      { service: target },
      { cause: error },
    );
  }
  return new Fault(
    'unavailable',
    'bus.transport',
    `the call to ${target} could not be carried; try again`,
    { service: target },
    { cause: error },
  );
}
