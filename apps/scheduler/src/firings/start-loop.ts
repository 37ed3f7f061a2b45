/**
 * Starts firings that are on record, so many at a time and no more. Deciding does not wait for it: what one scheduler has no room for lies
 * in the database, and whichever scheduler has room claims it, as it does what a scheduler left behind that died.
 */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { drained } from '../drain.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { Wake } from '../wake.ts';
import { FiringStore } from './firing.store.ts';
import { type Firing, leaseMs, type NamedFiring } from './firing.ts';
import { type FiredTrigger, StartFiring } from './start-firing.ts';

/** More than the database has connections for, and not so many that calls of people wait behind them. */
const maxInFlight = 32;
/** Claims are made when this many are free: one statement for many firings. */
const worthClaiming = maxInFlight / 2;

@Injectable()
export class StartLoop implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #inFlight = new Set<Promise<void>>();
  readonly #wake = new Wake();
  /** Room of those who do not know yet how much of it they need. */
  #reserved = 0;
  /** More may be there to claim: the last claim found as much as it had room for, or somebody said so since. */
  #more = false;
  #held = false;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly firings: FiringStore,
    private readonly starting: StartFiring,
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
    this.#wake.ring();
    await this.#loop;
    await drained(this.#inFlight);
  }

  /** Lets work begin as many firings as there is room for, and nobody else meanwhile. */
  async within<T>(work: (room: number) => Promise<T>): Promise<T> {
    const room = this.#room;
    this.#reserved += room;
    try {
      return await work(room);
    } finally {
      this.#reserved -= room;
      this.#refill();
    }
  }

  get #room(): number {
    return this.#stopped ? 0 : Math.max(0, maxInFlight - this.#inFlight.size - this.#reserved);
  }

  #refill(): void {
    if (this.#more && this.#room >= worthClaiming) this.#wake.ring();
  }

  /** Says whether claims wait: while a wave is being put on record they would only slow it down. */
  hold(held: boolean): void {
    if (this.#held && !held) this.wake();
    this.#held = held;
  }

  /** Says that firings were left for whoever has room. */
  wake(): void {
    this.#more = true;
    this.#wake.ring();
  }

  /** Starts a firing that the caller has the lease of. */
  begin(firing: Firing, trigger: FiredTrigger): void {
    this.track(
      firing,
      this.starting.execute(firing, trigger).then(() => undefined),
    );
  }

  /** Counts work on a firing among what is in flight. */
  track(firing: NamedFiring, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.log.warn({ firing: firing.id, error }, 'a firing could not be carried on; it is taken up again');
      })
      .finally(() => {
        this.#inFlight.delete(tracked);
        this.#refill();
        this.relay.kick();
      });
    this.#inFlight.add(tracked);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (!this.#held && this.#room >= worthClaiming) await this.within((room) => this.#claim(room));
      } catch (error) {
        this.log.warn({ error }, 'firings could not be claimed; the next round tries again');
      }
      await this.#wake.wait(this.config.SALLY_SWEEP_MS);
    }
  }

  async #claim(room: number): Promise<void> {
    this.#more = false;
    const { claimed, named } = await this.store.system(async (db) => {
      const claimed = await this.firings.claim(db, this.clock.now(), leaseMs, room);
      const named = await this.triggers.several(db, [...new Set(claimed.map(({ trigger }) => trigger))]);
      return { claimed, named: new Map(named.map((trigger) => [trigger.id, trigger])) };
    });
    this.#more ||= claimed.length === room;
    for (const firing of claimed) {
      const trigger = named.get(firing.trigger);
      if (trigger !== undefined) this.begin(firing, trigger);
    }
  }
}
