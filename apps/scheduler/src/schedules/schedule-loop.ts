/**
 * The loop of schedules and firings. It sleeps until the next schedule is due, which one look at an index tells, and never longer than a
 * bound, so that what another scheduler changed and a clock that was set are noticed.
 */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { FiringStore } from '../firings/firing.store.ts';
import { type Firing, leaseMs } from '../firings/firing.ts';
import { FiringAlarm } from '../firings/firing-alarm.ts';
import { ReleaseWaiting } from '../firings/release-waiting.ts';
import { type FiredTrigger, StartFiring } from '../firings/start-firing.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { FireDue } from './fire-due.ts';

const batch = 64;
/** More than the database has connections for, and not so many that calls of people wait behind them. */
const maxInFlight = 32;
/** Milliseconds that a shutdown waits for firings in flight; their leases outlive it and are taken up by who comes next. */
const drainMs = 2_000;

@Injectable()
export class ScheduleLoop implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #inFlight = new Set<Promise<void>>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  /** Where the walk over waiting firings goes on. */
  #waitingAfter = '';

  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly firings: FiringStore,
    private readonly fireDue: FireDue,
    private readonly starting: StartFiring,
    private readonly waiting: ReleaseWaiting,
    private readonly alarm: FiringAlarm,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.#loop = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    this.alarm.ring();
    await this.#loop;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, drainMs);
    });
    await Promise.race([Promise.allSettled(this.#inFlight), late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    let sweptAt = Number.NEGATIVE_INFINITY;
    while (!this.#stopped) {
      let sleepMs = this.config.SALLY_SWEEP_MS;
      try {
        const rung = this.alarm.rung;
        const more = await this.#fire();
        const sweepDue = this.clock.monotonic() - sweptAt >= this.config.SALLY_SWEEP_MS;
        if (rung || sweepDue) {
          sweptAt = this.clock.monotonic();
          await this.#takeUp();
        }
        sleepMs = more ? 0 : await this.#untilNext();
      } catch (error) {
        this.log.warn({ error }, 'a round of schedules failed; the next one tries again');
      }
      if (sleepMs > 0) await this.alarm.wait(sleepMs);
    }
  }

  /** Fires what is due; answers whether more is due than could be taken. */
  async #fire(): Promise<boolean> {
    const room = Math.min(batch, maxInFlight - this.#inFlight.size);
    if (room <= 0) {
      await Promise.race(this.#inFlight);
      return true;
    }
    const { fired, taken } = await this.fireDue.execute(room);
    for (const { firing, trigger } of fired) this.#start(firing, trigger);
    if (taken > 0) this.relay.kick();
    return taken === room;
  }

  /** Goes on with firings whose scheduler died or could not ask, and with those that wait for a run to end. */
  async #takeUp(): Promise<void> {
    const now = this.clock.now();
    const { abandoned, waiting, names } = await this.store.system(async (db) => {
      const abandoned = await this.firings.claimAbandoned(db, now, leaseMs, batch);
      const waiting = await this.firings.waiting(db, this.#waitingAfter, batch);
      const names = await this.triggers.several(db, [...new Set(abandoned.map(({ trigger }) => trigger))]);
      return { abandoned, waiting, names: new Map(names.map((trigger) => [trigger.id, trigger])) };
    });
    for (const firing of abandoned) {
      const trigger = names.get(firing.trigger);
      if (trigger !== undefined) this.#start(firing, trigger);
    }
    this.#waitingAfter = waiting.length === batch ? (waiting.at(-1)?.id ?? '') : '';
    for (const firing of waiting) this.#track(firing, this.#release(firing));
    if (abandoned.length === batch || waiting.length === batch) this.alarm.ring();
  }

  async #release(firing: Firing): Promise<void> {
    const released = await this.waiting.execute(firing);
    if (released !== undefined) await this.starting.execute(released.firing, released.trigger);
  }

  #start(firing: Firing, trigger: FiredTrigger): void {
    if (firing.state === 'queued') this.alarm.ring();
    if (firing.state === 'deciding')
      this.#track(
        firing,
        this.starting.execute(firing, trigger).then(() => undefined),
      );
  }

  #track(firing: Firing, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.log.warn({ firing: firing.id, error }, 'a firing could not be carried on; it is taken up again');
      })
      .finally(() => {
        this.#inFlight.delete(tracked);
        this.relay.kick();
      });
    this.#inFlight.add(tracked);
  }

  /** Milliseconds until a schedule is due, at most the time between two sweeps. */
  async #untilNext(): Promise<number> {
    const next = await this.store.system((db) => this.triggers.earliest(db));
    const away = next === undefined ? Number.POSITIVE_INFINITY : next - this.clock.now();
    return Math.max(0, Math.min(this.config.SALLY_SWEEP_MS, away));
  }
}
