/** Answers schedules by name, a page at a time, one of them, and the next times of one. */

import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { ListSchedulesRequest, PreviewScheduleRequest, Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { cronTimes, type Times } from '../cron/cron-times.ts';
import { pageInvalid, policyInvalid, triggerNotFound } from '../faults.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { scheduleWire, specOf } from './schedule.ts';

const usualPage = 50;
const maxPage = 200;
const usualTimes = 5;
const maxTimes = 100;

@Injectable()
export class ListSchedules {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly clock: Clock,
  ) {}

  async execute(
    { pageSize, pageToken }: ListSchedulesRequest,
    { org, env }: SessionClaims,
  ): Promise<{ schedules: Schedule[]; nextPageToken: string }> {
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (pageToken !== '' && !isSlug(pageToken)) throw pageInvalid('/page_token');
    const limit = pageSize === 0 ? usualPage : pageSize;
    const filter = { environment: env, kind: 'schedule', after: pageToken, limit: limit + 1 } as const;
    const found = await this.store.tx(org, (db) => this.triggers.list(db, filter));
    const page = found.slice(0, limit);
    return { schedules: page.map(scheduleWire), nextPageToken: found.length > limit ? (page.at(-1)?.name ?? '') : '' };
  }

  async get(name: string, claims: SessionClaims): Promise<Schedule> {
    return scheduleWire(await this.#find(name, claims));
  }

  /** The next times of a schedule as it would fire if it were not paused, or of an expression that nobody has applied. */
  async preview(request: PreviewScheduleRequest, claims: SessionClaims): Promise<Timestamp[]> {
    const { count } = request;
    if (count < 0 || count > maxTimes) throw policyInvalid('/count', `give 1 to ${maxTimes}; 0 means ${usualTimes}`);
    if ((request.name === '') === (request.cron === ''))
      throw policyInvalid('/name', 'name a schedule, or give an expression, and not both');
    const times = await this.#times(request, claims);
    const found: Timestamp[] = [];
    let at = times.after(this.clock.now());
    for (; at !== undefined && found.length < (count || usualTimes); at = times.after(at))
      found.push(timestampFromMs(at));
    return found;
  }

  async #times({ name, cron, timeZone }: PreviewScheduleRequest, claims: SessionClaims): Promise<Times> {
    if (name === '') return cronTimes(cron, timeZone || 'UTC');
    const spec = specOf(await this.#find(name, claims));
    return cronTimes(spec.cron, spec.zone);
  }

  async #find(name: string, { org, env }: SessionClaims): Promise<Trigger> {
    const named = { environment: env, kind: 'schedule', name } as const;
    const trigger = await this.store.tx(org, (db) => this.triggers.find(db, named));
    if (trigger === undefined) throw triggerNotFound('schedule', name);
    return trigger;
  }
}
