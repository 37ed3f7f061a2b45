/**
 * What the front door hears on the bus. Who may hear it is settled before, by the service that owns the thing.
 *
 * However many readers follow one thing, it is heard and decoded once: a crowd costs the bus nothing, and what waits for slow readers is
 * the same message for all of them.
 */

import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { subscribe } from '@sallyport/bus/events';
import { auditEvent, epochChanged, runEvent, unitOut } from '@sallyport/bus/subject';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { type Epoch, EpochSchema } from '@sallyport/contracts/identity/v1/identity';
import { type Run, RunEventSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';

/** One subscription; it counts once `ready` resolves. */
export interface Listening {
  readonly ready: Promise<void>;
  stop(): void;
}

interface Shared {
  readonly listeners: Set<(message: never) => void>;
  readonly listening: Listening;
}

@Injectable()
export class Live {
  readonly #shared = new Map<string, Shared>();

  constructor(private readonly bus: Bus) {}

  onRun(org: string, run: string, listener: (run: Run) => void): Listening {
    return this.#listen(runEvent(org, run), RunEventSchema, (message) => {
      if (message.run !== undefined) listener(message.run);
    });
  }

  onOutput(org: string, dispatch: string, listener: (event: UnitEvent) => void): Listening {
    return this.#listen(unitOut(org, dispatch), UnitEventSchema, listener);
  }

  /** Tells that the audit log of an environment has grown. */
  onAudit(org: string, environment: string, listener: () => void): Listening {
    return this.#listen(auditEvent(org, environment), EventSchema, () => listener());
  }

  /** Tells of whatever is revoked, in any org. */
  onRevocation(listener: (epoch: Epoch) => void): Listening {
    return this.#listen(epochChanged, EpochSchema, listener);
  }

  #listen<S extends DescMessage>(subject: string, schema: S, listener: (message: MessageShape<S>) => void): Listening {
    const shared = this.#shared.get(subject) ?? this.#share(subject, schema);
    // Readers may bring the same function; each is heard for itself.
    const own = (message: MessageShape<S>): void => listener(message);
    shared.listeners.add(own);
    return {
      ready: shared.listening.ready,
      stop: () => {
        shared.listeners.delete(own);
        if (shared.listeners.size > 0 || this.#shared.get(subject) !== shared) return;
        this.#shared.delete(subject);
        shared.listening.stop();
      },
    };
  }

  #share<S extends DescMessage>(subject: string, schema: S): Shared {
    const listeners = new Set<(message: MessageShape<S>) => void>();
    const listening = subscribe(this.bus, subject, schema, ({ message }) => {
      for (const listener of listeners) listener(message);
    });
    const shared = { listeners, listening };
    this.#shared.set(subject, shared);
    return shared;
  }
}
