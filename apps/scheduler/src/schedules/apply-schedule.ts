/** Creates or replaces a schedule; with consent, gives the grant it runs on too. */

import { Injectable } from '@nestjs/common';
import type { ApplyScheduleRequest, Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation, Store } from '@sallyport/store/store';
import { cronTimes } from '../cron/cron-times.ts';
import { conflict, limitInvalid, roleNotFound, triggerExists } from '../faults.ts';
import { FiringAlarm } from '../firings/firing-alarm.ts';
import { RoleStore } from '../roles/role.store.ts';
import { scheduleMissing } from '../trigger-faults.ts';
import { changeRow } from '../triggers/change-record.ts';
import { checkExpected, type Expected } from '../triggers/check-expected.ts';
import { checkWithRole } from '../triggers/check-template.ts';
import { checkMayConsent, GiveConsent } from '../triggers/give-consent.ts';
import { newTrigger } from '../triggers/new-trigger.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { type ScheduleSpec, scheduleWire, specBytes, specHash, specOf } from './schedule.ts';
import { checkSchedule } from './validate-schedule.ts';

interface Applied extends Expected {
  readonly name: string;
  readonly paused: boolean;
  readonly spec: ScheduleSpec;
}

@Injectable()
export class ApplySchedule {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly roles: RoleStore,
    private readonly consent: GiveConsent,
    private readonly alarm: FiringAlarm,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  async execute(request: ApplyScheduleRequest, claims: SessionClaims, token: string): Promise<Schedule> {
    const { schedule, ifVersion, ifAbsent, consent, terms } = request;
    if (schedule === undefined) throw scheduleMissing();
    if (ifVersion < 0n) throw limitInvalid('/if_version');
    if (consent) checkMayConsent(claims);
    const spec = checkSchedule(schedule, this.clock.now());
    const applied = { name: schedule.name, paused: schedule.paused, spec, ifVersion: Number(ifVersion), ifAbsent };
    let trigger = await this.#put(applied, claims);
    this.relay.kick();
    if (consent) ({ trigger } = await this.consent.execute(trigger, terms, claims, token));
    this.alarm.ring();
    return scheduleWire(trigger);
  }

  async #put(applied: Applied, claims: SessionClaims): Promise<Trigger> {
    try {
      return await this.store.tx(claims.org, (db) => this.#putIn(db, applied, claims));
    } catch (error) {
      if (isUniqueViolation(error, 'trigger_name'))
        throw applied.ifAbsent ? triggerExists('schedule', applied.name) : conflict(applied.name);
      throw error;
    }
  }

  async #putIn(db: Db, { name, paused, spec, ...expected }: Applied, claims: SessionClaims): Promise<Trigger> {
    const role = spec.template.role === '' ? undefined : await this.roles.get(db, claims.env, spec.template.role);
    if (spec.template.role !== '' && role === undefined) throw roleNotFound(spec.template.role);
    checkWithRole(spec.template, role, '/schedule/run');
    const before = await this.triggers.lockNamed(db, { environment: claims.env, kind: 'schedule', name });
    checkExpected(before, { kind: 'schedule', name }, expected);
    const now = this.clock.now();
    const { template, overlap } = spec;
    const kept = before ?? newTrigger({ kind: 'schedule', name, template, overlap, paused }, claims, now);
    const timed = before !== undefined && keepsTime(specOf(before), spec) && before.nextAt !== undefined && !paused;
    const stored = await this.triggers.put(db, {
      ...kept,
      spec: specBytes(spec),
      specHash: specHash(spec),
      template,
      overlap,
      paused,
      // Times that passed under another expression, or while it was paused, are not made up for.
      ...(timed ? {} : { cursorAt: now, nextAt: paused ? undefined : cronTimes(spec.cron, spec.zone).after(now) }),
    });
    await enqueue(db, [changeRow(stored, 'applied', claims, this.clock)]);
    return stored;
  }
}

const keepsTime = (before: ScheduleSpec, after: ScheduleSpec): boolean =>
  before.cron === after.cron && before.zone === after.zone;
