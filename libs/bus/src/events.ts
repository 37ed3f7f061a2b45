/** Events beside RPC: published best effort on core NATS; streams keep what matters. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, nanos } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';
import { type StreamName, streams } from './permissions.ts';

/** Publishes one event and returns at once. */
export function publish<S extends DescMessage>(bus: Bus, subject: string, schema: S, message: MessageShape<S>): void {
  bus.nats.publish(subject, toBinary(schema, message));
}

/** Publishes a stored event and waits for the stream's acknowledgement; the same id within two minutes is stored once. */
export async function publishStored(bus: Bus, subject: string, id: string, payload: Uint8Array): Promise<void> {
  const wire = headers();
  wire.set('Nats-Msg-Id', id);
  await jetstream(bus.nats).publish(subject, payload, { headers: wire, timeout: 5_000 });
}

export interface Heard<S extends DescMessage> {
  readonly subject: string;
  readonly message: MessageShape<S>;
}

/** Calls back for every event until `stop`; what does not decode is skipped. Ready once `ready` resolves. */
export function subscribe<S extends DescMessage>(
  bus: Bus,
  subject: string,
  schema: S,
  listener: (heard: Heard<S>) => void,
): { readonly ready: Promise<void>; stop(): void } {
  const subscription = bus.nats.subscribe(subject, {
    callback: (error, received) => {
      if (error !== null) return;
      const message = decode(schema, received.data);
      if (message !== undefined) listener({ subject: received.subject, message });
    },
  });
  return { ready: bus.nats.flush(), stop: () => subscription.unsubscribe() };
}

function decode<S extends DescMessage>(schema: S, data: Uint8Array): MessageShape<S> | undefined {
  try {
    return fromBinary(schema, data);
  } catch {
    return undefined;
  }
}

/**
 * Makes sure a stream exists and says when it was made: a stream younger than what was published to it has lost its data.
 *
 * @returns RFC 3339 time of creation.
 */
export async function ensureStream(bus: Bus, name: StreamName): Promise<string> {
  const manager = await jetstreamManager(bus.nats, { checkAPI: false });
  const config = {
    name,
    subjects: [...streams[name].subjects],
    max_age: nanos(24 * 60 * 60 * 1000),
    max_bytes: 512 * 1024 * 1024,
    duplicate_window: nanos(2 * 60 * 1000),
    deny_delete: name === 'AUDIT',
    deny_purge: name === 'AUDIT',
  };
  const info = await manager.streams.info(name).catch(() => manager.streams.add(config));
  return info.created;
}
