/** Pauses, resumes and removes a schedule. Times that pass while it is paused are never made up for. */

import { Injectable } from '@nestjs/common';
import type { Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import { AfterworkStore } from '../afterwork/afterwork.store.ts';
import { cronTimes } from '../cron/cron-times.ts';
import { triggerNotFound } from '../faults.ts';
import { FiringAlarm } from '../firings/firing-alarm.ts';
import { changeRow, type TriggerChange } from '../triggers/change-record.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { Wake } from '../wake.ts';
import { pausedSchedule, resumedSchedule } from './decide-due.ts';
import { scheduleWire, specOf } from './schedule.ts';

@Injectable()
export class SwitchSchedule {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly afterwork: AfterworkStore,
    private readonly alarm: FiringAlarm,
    private readonly wake: Wake,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  /** Pausing what is paused changes nothing. */
  pause(name: string, claims: SessionClaims): Promise<Schedule> {
    return this.#change(name, claims, 'paused', (trigger) => (trigger.paused ? undefined : pausedSchedule(trigger)));
  }

  /** Resuming what is not paused changes nothing. */
  resume(name: string, claims: SessionClaims): Promise<Schedule> {
    return this.#change(name, claims, 'resumed', (trigger) => {
      if (!trigger.paused) return undefined;
      const { cron, zone } = specOf(trigger);
      return resumedSchedule(trigger, cronTimes(cron, zone), this.clock.now());
    });
  }

  /** Identity hears of it afterwards, until it has: from then on the grant is worth nothing and live runs on it end. */
  async remove(name: string, claims: SessionClaims): Promise<void> {
    const now = this.clock.now();
    await this.#change(
      name,
      claims,
      'removed',
      (trigger) => ({ ...trigger, deletedAt: now, nextAt: undefined }),
      (db, { org, id }) => this.afterwork.add(db, org, id, ['end_schedule_grants'], now),
    );
    this.wake.ring();
  }

  async #change(
    name: string,
    claims: SessionClaims,
    change: TriggerChange,
    move: (trigger: Trigger) => Trigger | undefined,
    also: (db: Db, trigger: Trigger) => Promise<void> = () => Promise.resolve(),
  ): Promise<Schedule> {
    const changed = await this.store.tx(claims.org, async (db) => {
      const before = await this.triggers.lockNamed(db, { environment: claims.env, kind: 'schedule', name });
      if (before === undefined) throw triggerNotFound('schedule', name);
      const after = move(before);
      if (after === undefined) return before;
      const stored = await this.triggers.put(db, after);
      await also(db, stored);
      await enqueue(db, [changeRow(stored, change, claims, this.clock)]);
      return stored;
    });
    this.relay.kick();
    this.alarm.ring();
    return scheduleWire(changed);
  }
}
