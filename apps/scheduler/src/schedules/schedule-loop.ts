/**
 * The loop of schedules. It sleeps until the next schedule is due, which one look at an index tells, and never longer than a bound, so that
 * what another scheduler changed and a clock that was set are noticed. It puts on record what is due and what waited, and leaves starting it
 * to `StartLoop`.
 */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { FiringStore } from '../firings/firing.store.ts';
import type { NamedFiring } from '../firings/firing.ts';
import { FiringAlarm } from '../firings/firing-alarm.ts';
import { ReleaseWaiting } from '../firings/release-waiting.ts';
import { StartFiring } from '../firings/start-firing.ts';
import { StartLoop } from '../firings/start-loop.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { FireDue } from './fire-due.ts';

/** One transaction's worth: a few tens of milliseconds in which nothing else is done. */
const batch = 256;
/** Rounds side by side while more is due than one takes: one computes while the other waits for the database. */
const lanes = 2;
/** Full rounds in a row during which nothing of what is on record is started; a flood beyond them is started while it comes. */
const maxHeld = 64;
/** Waiting firings looked at in a round. */
const waitingBatch = 64;

@Injectable()
export class ScheduleLoop implements OnApplicationBootstrap, OnModuleDestroy {
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  /** Full rounds since the last one that was not. */
  #full = 0;
  /** Where the walk over waiting firings goes on. */
  #waitingAfter = '';

  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly firings: FiringStore,
    private readonly fireDue: FireDue,
    private readonly starts: StartLoop,
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
          await this.#releaseWaiting();
        }
        sleepMs = more ? 0 : await this.#untilNext();
      } catch (error) {
        this.starts.hold(false);
        this.log.warn({ error }, 'a round of schedules failed; the next one tries again');
      }
      if (sleepMs > 0) await this.alarm.wait(sleepMs);
    }
  }

  /** Fires what is due; answers whether more may be due. */
  async #fire(): Promise<boolean> {
    const rounds = Array.from({ length: this.#full > 0 ? lanes : 1 }, () =>
      this.starts.within((room) => this.#round(room)),
    );
    const ended = await Promise.allSettled(rounds);
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const more = ended.some((each) => each.status === 'fulfilled' && each.value);
    this.#full = more ? this.#full + 1 : 0;
    this.starts.hold(more && this.#full < maxHeld);
    return more;
  }

  /** One batch of what is due; answers whether it was full. */
  async #round(room: number): Promise<boolean> {
    const { fired, taken } = await this.fireDue.execute(batch, room);
    for (const { firing, trigger, left } of fired) {
      if (firing.state === 'queued') this.alarm.ring();
      if (firing.state === 'deciding' && !left) this.starts.begin(firing, trigger);
    }
    if (taken < batch && fired.some(({ left }) => left)) this.starts.wake();
    // Word of a wave goes out behind it, not beside it.
    if (taken > 0 && taken < batch) this.relay.kick();
    return taken === batch;
  }

  /** Goes on with firings that wait for a run to end. */
  async #releaseWaiting(): Promise<void> {
    const waiting = await this.store.system((db) => this.firings.waiting(db, this.#waitingAfter, waitingBatch));
    this.#waitingAfter = waiting.length === waitingBatch ? (waiting.at(-1)?.id ?? '') : '';
    for (const firing of waiting) this.starts.track(firing, this.#release(firing));
    if (waiting.length === waitingBatch) this.alarm.ring();
  }

  async #release(firing: NamedFiring): Promise<void> {
    const released = await this.waiting.execute(firing);
    if (released !== undefined) await this.starting.execute(released.firing, released.trigger);
  }

  /** Milliseconds until a schedule is due, at most the time between two sweeps. */
  async #untilNext(): Promise<number> {
    const next = await this.store.system((db) => this.triggers.earliest(db));
    const away = next === undefined ? Number.POSITIVE_INFINITY : next - this.clock.now();
    return Math.max(0, Math.min(this.config.SALLY_SWEEP_MS, away));
  }
}
