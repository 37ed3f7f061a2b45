/** A question on a subject of its own, beside RPC: whoever listens there answers, and nobody else can. */

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { headers } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';

/** Asks once. Rejects when nobody listens, the time (milliseconds) is up, or what comes back is no answer. */
export async function ask<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  question: { readonly schema: Q; readonly message: MessageShape<Q> },
  answer: A,
  timeoutMs: number,
): Promise<MessageShape<A>> {
  const body = toBinary(question.schema, question.message);
  const reply = await bus.requests.ask(subject, body, { timeout: timeoutMs, headers: headers() });
  return fromBinary(answer, reply.data);
}

/** Answers every question on a subject until `stop`; what does not decode, and what has no answer, is left alone. */
export function answer<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  question: Q,
  schema: A,
  answerTo: (message: MessageShape<Q>) => MessageInitShape<A> | undefined,
): { readonly ready: Promise<void>; stop(): void } {
  const subscription = bus.nats.subscribe(subject, {
    callback: (error, received) => {
      if (error !== null) return;
      const message = decoded(question, received.data);
      const said = message === undefined ? undefined : answerTo(message);
      if (said !== undefined) received.respond(toBinary(schema, create(schema, said)));
    },
  });
  return { ready: bus.nats.flush(), stop: () => subscription.unsubscribe() };
}

function decoded<S extends DescMessage>(schema: S, data: Uint8Array): MessageShape<S> | undefined {
  try {
    return fromBinary(schema, data);
  } catch {
    return undefined;
  }
}
