/** Finds out who wants each event, at once when it came and again for what a death or a refusal left undone. */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { Wake } from '../wake.ts';
import { EventStore } from './event.store.ts';
import { eventLeaseMs, type StoredEvent } from './event.ts';
import { MatchEvent } from './match-event.ts';

const batch = 16;
const maxInFlight = 32;
/** Rounds between two looks for events whose week is over. */
const agingEvery = 60;
const forgetBatch = 500;

const backoffMs = (tries: number): number => Math.min(60_000, 500 * 2 ** Math.min(tries, 7));

@Injectable()
export class EventMatcher implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #wake = new Wake();
  readonly #inFlight = new Map<string, Promise<void>>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly events: EventStore,
    private readonly match: MatchEvent,
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
    // An event whose expressions are being judged is not seen to; who comes next takes it up.
    await this.match.close();
    await Promise.allSettled(this.#inFlight.values());
  }

  /** Looks at an event that came this moment; the sweep takes it up when there is no room. */
  begin(event: StoredEvent): void {
    if (this.#stopped || this.#inFlight.size >= maxInFlight) return;
    this.#track(event, 1);
  }

  async #run(): Promise<void> {
    let round = 0;
    while (!this.#stopped) {
      try {
        await this.#round();
        if (round++ % agingEvery === 0) await this.#age();
      } catch (error) {
        this.log.warn({ error }, 'a round over the events failed; the next one tries again');
      }
      await this.#wake.wait(this.config.SALLY_SWEEP_MS);
    }
  }

  async #round(): Promise<void> {
    const room = Math.min(batch, maxInFlight - this.#inFlight.size);
    if (room <= 0) return;
    const due = await this.store.system((db) => this.events.claim(db, this.clock.now(), eventLeaseMs, room));
    for (const { event, tries } of due) this.#track(event, tries);
    if (due.length === room) this.#wake.ring();
  }

  async #age(): Promise<void> {
    const gone = await this.store.system((db) => this.events.forget(db, this.clock.now(), forgetBatch));
    if (gone === forgetBatch && !this.#stopped) await this.#age();
  }

  #track(event: StoredEvent, tries: number): void {
    if (this.#inFlight.has(event.id)) return;
    const work = this.match
      .execute(event)
      .catch((error: unknown) => this.#later(event, tries, error))
      .finally(() => {
        this.#inFlight.delete(event.id);
        if (this.#inFlight.size === maxInFlight - 1) this.#wake.ring();
      });
    this.#inFlight.set(event.id, work);
  }

  async #later(event: StoredEvent, tries: number, error: unknown): Promise<void> {
    if (!this.#stopped) this.log.warn({ event: event.id, tries, error }, 'an event could not be seen to; tried again');
    await this.store
      .tx(event.org, (db) => this.events.postpone(db, event.id, this.clock.now() + backoffMs(tries)))
      .catch((again: unknown) => this.log.debug({ error: again }, 'an event keeps its lease until it is over'));
  }
}
