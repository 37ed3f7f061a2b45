/** The way into the audit log: at once before an effect, or through the outbox beside a state change. */

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { busClient } from '@sallyport/bus/client';
import { type Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { AuditService, type Event, EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import type { AuditKind } from '@sallyport/core/audit-kinds';
import type { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { auditSubject, type OutboxRow } from '@sallyport/store/outbox';

/** An event as a producer states it; id and time are given when absent, the producer is proven by the bus. */
export interface EventInit {
  readonly kind: AuditKind;
  readonly org: string;
  readonly outcome: 'allow' | 'deny' | 'error';
  readonly environment?: string;
  readonly subject?: string;
  readonly actors?: readonly string[];
  readonly run?: string;
  readonly dispatch?: string;
  /** `workspace/demo`, `host/example.com:443`, `key/key_...`. */
  readonly resource?: string;
  /** Stable reason of a deny or error. */
  readonly reason?: string;
  readonly decision?: string;
  /** Id of the intent that this outcome closes. */
  readonly intent?: string;
  /** Lower-case hex SHA-256 by name. */
  readonly hashes?: Readonly<Record<string, string>>;
  /** Small closed facts; never free text. */
  readonly facts?: Readonly<Record<string, string>>;
  readonly id?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
}

const outcomes = { allow: Outcome.ALLOW, deny: Outcome.DENY, error: Outcome.ERROR } as const;

/** The wire form of an event. */
export function auditEvent(init: EventInit, clock: Clock): Event {
  const at = init.at ?? clock.now();
  const { at: _at, outcome, actors, hashes, facts, ...rest } = init;
  return create(EventSchema, {
    ...rest,
    id: init.id ?? newId('event', at),
    time: new Date(at).toISOString().replace('Z', '000Z'),
    outcome: outcomes[outcome],
    actors: [...(actors ?? [])],
    hashes: { ...hashes },
    facts: { ...facts },
  } satisfies MessageInitShape<typeof EventSchema>);
}

/** An event as a row to commit with the change it tells of. */
export function auditRow(init: EventInit, clock: Clock): OutboxRow {
  const event = auditEvent(init, clock);
  return { id: event.id, org: event.org, subject: auditSubject, payload: toBinary(EventSchema, event) };
}

interface Waiting {
  readonly events: readonly Event[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const maxBatch = 256;

/** Appends that resolve only once they are durable. Concurrent appends travel together. */
export class AuditClient {
  readonly #client: BusClient<typeof AuditService>;
  readonly #clock: Clock;
  #queue: Waiting[] = [];
  #sending = 0;

  constructor(bus: Bus, clock: Clock) {
    this.#client = busClient(bus, 'audit', AuditService);
    this.#clock = clock;
  }

  /**
   * Makes events durable.
   *
   * @throws Fault `unavailable` / `audit.unavailable`: the effect that the events announce must not happen.
   */
  append(inits: readonly EventInit[]): Promise<void> {
    return this.appendWire(inits.map((init) => auditEvent(init, this.#clock)));
  }

  /** Relays rows written by `auditRow`. */
  relay(payloads: readonly Uint8Array[]): Promise<void> {
    return this.appendWire(payloads.map((payload) => fromBinary(EventSchema, payload)));
  }

  private appendWire(events: readonly Event[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ events, done, failed });
      this.#pump();
    });
  }

  /** Two batches in flight: one commits while the next fills. */
  #pump(): void {
    while (this.#sending < 2 && this.#queue.length > 0) {
      const batch: Waiting[] = [];
      let size = 0;
      while (
        this.#queue.length > 0 &&
        (batch.length === 0 || size + (this.#queue[0]?.events.length ?? 0) <= maxBatch)
      ) {
        const next = this.#queue.shift();
        if (next === undefined) break;
        batch.push(next);
        size += next.events.length;
      }
      this.#sending += 1;
      void this.#send(batch).finally(() => {
        this.#sending -= 1;
        this.#pump();
      });
    }
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#client.append({ events: batch.flatMap((waiting) => [...waiting.events]) }, { timeoutMs: 5_000 });
      for (const waiting of batch) waiting.done();
    } catch (error) {
      if (batch.length > 1 && error instanceof Fault && !error.retryable) {
        // One caller's bad event must not fail its neighbours.
        for (const waiting of batch) await this.#send([waiting]);
        return;
      }
      for (const waiting of batch) waiting.failed(asUnavailable(error));
    }
  }
}

function asUnavailable(error: unknown): Fault {
  const fault = Fault.from(error);
  if (!fault.retryable && fault.code !== 'internal') return fault;
  return new Fault(
    'unavailable',
    'audit.unavailable',
    'the audit log cannot record, so the effect does not happen; see that the audit service and its database run',
    {},
    { cause: error },
  );
}
