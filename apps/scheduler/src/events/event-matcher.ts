/** Finds out who wants each event, at once when it came and again for what a death or a refusal left undone. */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import { type Db, Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { Wake } from '../wake.ts';
import { type ClaimedEvent, EventStore } from './event.store.ts';
import { eventLeaseMs, type StoredEvent } from './event.ts';
import { MatchEvent } from './match-event.ts';

const batch = 16;
const maxInFlight = 64;
/** Rounds between two looks for events whose week is over. */
const agingEvery = 60;
const forgetBatch = 500;

const backoffMs = (tries: number): number => Math.min(60_000, 500 * 2 ** Math.min(tries, 7));

@Injectable()
export class EventMatcher implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #wake = new Wake();
  readonly #inFlight = new Map<string, { readonly org: string; readonly work: Promise<void> }>();
  /** Whether the last round left events for want of room: the next end of one makes some. */
  #short = false;
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
    await Promise.allSettled([...this.#inFlight.values()].map(({ work }) => work));
  }

  /** Looks at an event that came this moment; the sweep takes it up when there is no room. */
  begin(event: StoredEvent): void {
    if (!this.#stopped && this.#hasRoom(event.org)) this.#track(event, 1);
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
    const due = await this.store.system((db) => this.#claim(db));
    for (const { event, tries } of due) this.#track(event, tries);
    if (due.length === batch) this.#wake.ring();
  }

  /** One after the other: each is taken from an org that has room for it beside those taken before. */
  async #claim(db: Db): Promise<readonly ClaimedEvent[]> {
    const claimed: ClaimedEvent[] = [];
    while (claimed.length < batch) {
      const taken = claimed.map(({ event }) => event.org);
      const orgs = new Set([...this.#orgs(), ...taken]);
      const passed = [...orgs].filter((org) => !this.#hasRoom(org, taken));
      this.#short = passed.length > 0;
      if (this.#inFlight.size + taken.length >= maxInFlight) break;
      const next = await this.events.claim(db, this.clock.now(), eventLeaseMs, passed);
      if (next === undefined) break;
      claimed.push(next);
    }
    return claimed;
  }

  /** An org may hold as many as are left for the others, so that there is room for whoever comes next. */
  #hasRoom(org: string, taken: readonly string[] = []): boolean {
    const held = [...this.#orgs(), ...taken];
    return held.filter((each) => each === org).length < maxInFlight - held.length;
  }

  #orgs(): readonly string[] {
    return [...this.#inFlight.values()].map((each) => each.org);
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
        if (this.#short) this.#wake.ring();
      });
    this.#inFlight.set(event.id, { org: event.org, work });
  }

  async #later(event: StoredEvent, tries: number, error: unknown): Promise<void> {
    if (!this.#stopped) this.log.warn({ event: event.id, tries, error }, 'an event could not be seen to; tried again');
    await this.store
      .tx(event.org, (db) => this.events.postpone(db, event.id, this.clock.now() + backoffMs(tries)))
      .catch((again: unknown) => this.log.debug({ error: again }, 'an event keeps its lease until it is over'));
  }
}
