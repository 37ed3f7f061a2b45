/** Takes schedules whose time has come, decides every fire time that has passed, and sets when each is due next: one transaction for many. */

import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { cronTimes } from '../cron/cron-times.ts';
import type { Firing } from '../firings/firing.ts';
import { FiringDesk } from '../firings/firing-desk.ts';
import type { Wanted } from '../firings/plan-firings.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { decideDue } from './decide-due.ts';
import { specOf } from './schedule.ts';

/** A firing that was decided, with the schedule it is of. */
export interface Fired {
  readonly firing: Firing;
  readonly trigger: Trigger;
  /** Not for this scheduler alone to start. */
  readonly left: boolean;
}

interface Due {
  readonly trigger: Trigger;
  readonly wanted: readonly Wanted[];
  readonly nextAt: number | undefined;
}

@Injectable()
export class FireDue {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly desk: FiringDesk,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  /**
   * Answers what was decided, and how many schedules were taken. Firings beyond `room` are left to whoever claims them, and all of them are
   * while more is due than was taken: what is due is on record before it is started.
   */
  execute(limit: number, room: number): Promise<{ fired: readonly Fired[]; taken: number }> {
    const now = this.clock.now();
    return this.store.system(async (db) => {
      const locked = await this.triggers.lockDue(db, now, limit);
      if (locked.length === 0) return { fired: [], taken: 0 };
      const due = locked.map((trigger) => this.#due(trigger, now));
      const mine = locked.length < limit ? room : 0;
      const wanted = due.flatMap((each) => each.wanted).map((each, index) => ({ ...each, left: index >= mine }));
      const firings = await this.desk.decide(db, wanted);
      await this.triggers.advance(
        db,
        due.map(({ trigger, nextAt }) => ({ id: trigger.id, cursorAt: now, nextAt })),
      );
      const fired = firings.flatMap((firing, index) => {
        const trigger = wanted[index]?.trigger;
        return trigger === undefined ? [] : [{ firing, trigger, left: index >= mine }];
      });
      return { fired, taken: locked.length };
    });
  }

  #due(trigger: Trigger, now: number): Due {
    const spec = specOf(trigger);
    try {
      const times = cronTimes(spec.cron, spec.zone);
      const policy = { misfire: spec.misfire, cap: spec.misfireCap, graceMs: this.config.SALLY_MISFIRE_MS };
      return { trigger, ...decideDue(trigger, times, policy, now) };
    } catch (error) {
      // What was applied once can be read; a zone that this machine does not know is the exception. It must not hold up the others.
      this.log.error({ trigger: trigger.id, error }, 'a schedule cannot be read; it is looked at again in a minute');
      return { trigger, wanted: [], nextAt: now + 60_000 };
    }
  }
}
