/** Fires every subscription that wants an event, and then notes that it was seen to. Doing it again changes nothing. */

import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type Attachment, AttachmentSchema } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { structuredBytes, structuredType } from '@sallyport/core/cloud-event';
import { auditRow } from '@sallyport/service/audit';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { FireTrigger } from '../firings/fire-trigger.ts';
import { FilterJudge } from '../subscriptions/filter-judge.ts';
import { WantedEvents } from '../subscriptions/wanted-events.ts';
import { EventStore } from './event.store.ts';
import type { StoredEvent } from './event.ts';

@Injectable()
export class MatchEvent {
  constructor(
    private readonly store: Store,
    private readonly events: EventStore,
    private readonly wanted: WantedEvents,
    private readonly judge: FilterJudge,
    private readonly fire: FireTrigger,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  async execute(event: StoredEvent): Promise<void> {
    const { triggers, costly } = await this.wanted.by(event);
    const attachments = triggers.length === 0 ? [] : [attachmentOf(event)];
    for (const trigger of triggers) {
      await this.fire.execute({
        org: event.org,
        trigger,
        key: event.id,
        due: event.receivedAt,
        cause: 'event',
        event: event.id,
        attachments,
      });
    }
    await this.#seen(event, triggers.length, costly);
  }

  close(): Promise<void> {
    return this.judge.close();
  }

  /** An event that nobody wanted, or about which an expression could not tell, is on record as such. */
  async #seen(
    { id, org, environment, producer }: StoredEvent,
    wanted: number,
    costly: readonly string[],
  ): Promise<void> {
    await this.store.tx(org, async (db) => {
      if (!(await this.events.matched(db, id, this.clock.now()))) return;
      const base = { kind: 'event.received' as const, org, environment, subject: producer, resource: `event/${id}` };
      const facts = { event: id, wanted: String(wanted) };
      const rows = costly.map((trigger) =>
        auditRow(
          { ...base, outcome: 'error', reason: 'scheduler.filter_costly', facts: { ...facts, trigger } },
          this.clock,
        ),
      );
      if (wanted === 0) rows.push(auditRow({ ...base, outcome: 'allow', reason: 'unwanted', facts }, this.clock));
      await enqueue(db, rows);
    });
    this.relay.kick();
  }
}

/** The event as a file for the agent. Nothing of it becomes part of the task. */
const attachmentOf = ({ cloud }: StoredEvent): Attachment =>
  create(AttachmentSchema, {
    name: 'event.json',
    mediaType: structuredType,
    data: structuredBytes(cloud),
    untrusted: true,
  });
