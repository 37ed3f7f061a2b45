/** Requests of parties that speak no Protobuf: headers and bytes in, JSON out. A refusal has the headers of every other fault. */

import { headers, type Msg } from '@nats-io/transport-node';
import { Fault } from '@sallyport/core/fault';
import type { Bus } from './connection.ts';
import { header } from './wire.ts';

export interface OpenRequest {
  readonly subject: string;
  /** In the order they came; names in the case they came in. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Stops taking requests and waits for those in flight. */
export type StopAnswering = () => Promise<void>;

/**
 * Answers requests on a subject, shared with the other processes of the service; a plain publish is taken in the same way and hears nothing.
 *
 * @returns once the server has seen the subscription.
 */
export async function answerOpen(
  bus: Bus,
  subject: string,
  answer: (request: OpenRequest) => Promise<object>,
): Promise<StopAnswering> {
  const inFlight = new Set<Promise<void>>();
  const subscription = bus.nats.subscribe(subject, {
    queue: bus.caller,
    callback: (error, message) => {
      // A message with a status is the bus's own word to a consumer that somebody has delivered here, as when it idles.
      if (error !== null || (message.headers?.code ?? 0) !== 0) return;
      const work = take(message, answer).finally(() => inFlight.delete(work));
      inFlight.add(work);
    },
  });
  await bus.nats.flush();
  return async () => {
    subscription.unsubscribe();
    await Promise.allSettled(inFlight);
  };
}

async function take(message: Msg, answer: (request: OpenRequest) => Promise<object>): Promise<void> {
  const wire = headers();
  wire.set('content-type', 'application/json');
  try {
    const given = [...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? ''] as const);
    const body = await answer({ subject: message.subject, headers: given, body: message.data });
    message.respond(JSON.stringify(body), { headers: wire });
  } catch (thrown) {
    const { code, reason, message: why, detail } = Fault.from(thrown);
    wire.set(header.faultCode, code);
    wire.set(header.faultReason, reason);
    message.respond(JSON.stringify({ code, reason, message: why, detail }), { headers: wire });
  }
}
