/** Fires a trigger once for a key: the one door for events and for people; the clock has its own, which takes many at a time. */

import { Injectable } from '@nestjs/common';
import type { Attachment } from '@sallyport/contracts/unit/v1/unit';
import { OutboxRelay } from '@sallyport/service/relay';
import { Store } from '@sallyport/store/store';
import { triggerNotFound } from '../faults.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Cause } from './decide-firing.ts';
import type { Firing } from './firing.ts';
import { FiringAlarm } from './firing-alarm.ts';
import { FiringDesk } from './firing-desk.ts';
import { StartFiring } from './start-firing.ts';

export interface FireRequest {
  readonly org: string;
  /** Id of the schedule or subscription. */
  readonly trigger: string;
  /** What makes this firing this one: the same key again answers the firing that is there. */
  readonly key: string;
  /** When it was due, or when the event came; milliseconds. */
  readonly due: number;
  readonly cause: Cause;
  /** Id of the event. */
  readonly event?: string;
  readonly attachments?: readonly Attachment[];
}

@Injectable()
export class FireTrigger {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly desk: FiringDesk,
    private readonly starting: StartFiring,
    private readonly alarm: FiringAlarm,
    private readonly relay: OutboxRelay,
  ) {}

  /**
   * Answers the firing as it stands. Once it answers, the firing is a committed row: what it still has to do is done by a sweep if this
   * process dies.
   *
   * @throws Fault `scheduler.trigger_not_found` when the org has no such trigger.
   */
  async execute({ org, trigger: id, key, due, cause, event, attachments }: FireRequest): Promise<Firing> {
    const { trigger, firing } = await this.store.tx(org, async (db) => {
      const locked = await this.triggers.lock(db, id);
      if (locked === undefined) throw triggerNotFound('trigger', id);
      const wanted = { trigger: locked, key, dueAt: due, cause, event: event ?? '', attachments: attachments ?? [] };
      const [decided] = await this.desk.decide(db, [wanted]);
      if (decided === undefined) throw new Error(`trigger ${id} answered no firing for ${key}`);
      return { trigger: locked, firing: decided };
    });
    const after = await this.starting.execute(firing, trigger);
    if (after.state === 'queued') this.alarm.ring();
    this.relay.kick();
    return after;
  }
}
