/**
 * Takes an event in: one transaction makes it a row with its record in the audit log, and from then on it is accepted. Who wants it is
 * found out right after, and again by a sweep should this process die.
 */

import { Injectable } from '@nestjs/common';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import { sha256Hex } from '@sallyport/core/canonical';
import { Clock } from '@sallyport/core/clock';
import { type CloudEvent } from '@sallyport/core/cloud-event';
import { Fault } from '@sallyport/core/fault';
import { isSlug, newId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { conflict, eventPlace, eventsWaiting } from '../faults.ts';
import { RefusalBudget } from '../refusal-budget.ts';
import { EventStore } from './event.store.ts';
import { headStartMs, type Intake, printOf, type StoredEvent } from './event.ts';
import { EventMatcher } from './event-matcher.ts';

export interface Received {
  readonly event: StoredEvent;
  /** The same source and id had been taken in before. */
  readonly replayed: boolean;
}

/** Events of one environment that may wait to be looked at. */
const maxWaiting = 10_000;

@Injectable()
export class ReceiveEvent {
  readonly #refusals: RefusalBudget;

  constructor(
    private readonly store: Store,
    private readonly events: EventStore,
    private readonly matcher: EventMatcher,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#refusals = new RefusalBudget(clock);
  }

  /** `read` gives the event, and throws the fault of what is wrong with it; a refusal is put on record, or counted when its sender has many. */
  async execute(intake: Intake, read: () => CloudEvent): Promise<Received> {
    const { org, environment } = intake;
    if (!isSlug(org) || !isSlug(environment) || org === deploymentLog) throw eventPlace();
    try {
      return await this.#accept(intake, read());
    } catch (error) {
      const fault = Fault.from(error);
      if (!fault.retryable && fault.code !== 'internal') await this.#tellRefusal(intake, fault.reason);
      throw error;
    }
  }

  async #accept(intake: Intake, cloud: CloudEvent): Promise<Received> {
    const now = this.clock.now();
    const fresh: StoredEvent = { ...intake, id: newId('event', now), cloud, receivedAt: now, matchedAt: undefined };
    const before = await this.store.tx(intake.org, async (db) => {
      if (await this.events.isFull(db, intake.org, intake.environment, maxWaiting)) throw eventsWaiting(maxWaiting);
      if (await this.events.insert(db, fresh, now + headStartMs)) {
        await enqueue(db, [this.#record(fresh)]);
        return undefined;
      }
      const found = await this.events.like(db, fresh);
      // Its week was over between the two statements.
      if (found === undefined) throw conflict('the event');
      return found;
    });
    if (before !== undefined) return { event: before, replayed: true };
    this.relay.kick();
    this.matcher.begin(fresh);
    return { event: fresh, replayed: false };
  }

  #record({ id, org, environment, producer, cloud }: StoredEvent) {
    const hashes = { print: printOf(cloud), data: sha256Hex(cloud.data) };
    const facts = { event: id, bytes: String(cloud.data.byteLength) };
    return auditRow(
      {
        kind: 'event.received',
        org,
        environment,
        subject: producer,
        resource: `event/${id}`,
        outcome: 'allow',
        hashes,
        facts,
      },
      this.clock,
    );
  }

  /** Puts on record that something was not taken in. Never throws: the refusal itself is what the sender hears. */
  async #tellRefusal({ org, environment, producer }: Intake, reason: string): Promise<void> {
    const facts = this.#refusals.take(`${org} ${environment} ${producer}`);
    if (facts === undefined) return;
    const row = auditRow(
      { kind: 'event.refused', org, environment, subject: producer, resource: 'event', outcome: 'deny', reason, facts },
      this.clock,
    );
    try {
      await this.store.tx(org, (db) => enqueue(db, [row]));
      this.relay.kick();
    } catch (error) {
      this.log.warn({ error, reason }, 'a refusal could not be put on record');
    }
  }
}
