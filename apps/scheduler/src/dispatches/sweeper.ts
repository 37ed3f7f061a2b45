/** Finds what is due and sees to it: dispatches, word to other services, silent edges, expired keys. */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import { AfterworkRunner } from '../afterwork/afterwork.ts';
import type { SchedulerConfig } from '../config.ts';
import { drained } from '../drain.ts';
import { EdgeStore } from '../edges/edge.store.ts';
import { movedEdge } from '../edges/edge.ts';
import { FiringStore } from '../firings/firing.store.ts';
import { DeliverInputs } from '../inputs/deliver-inputs.ts';
import { IdempotencyStore } from '../runs/idempotency.store.ts';
import type { RunRecord } from '../runs/run.ts';
import { Wake } from '../wake.ts';
import { AttendDispatch } from './attend-dispatch.ts';
import { DispatchStore } from './dispatch.store.ts';
import type { Dispatch } from './dispatch.ts';
import { OfferDispatch } from './offer-dispatch.ts';

const batch = 32;
const maxInFlight = 128;
/** Rounds between two looks for what only ages. */
const agingEvery = 15;
const forgetBatch = 500;

@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #inFlight = new Set<Promise<void>>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly attend: AttendDispatch,
    private readonly offer: OfferDispatch,
    private readonly afterwork: AfterworkRunner,
    private readonly inputs: DeliverInputs,
    private readonly edges: EdgeStore,
    private readonly keys: IdempotencyStore,
    private readonly firings: FiringStore,
    private readonly relay: OutboxRelay,
    private readonly wake: Wake,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.#loop = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    this.wake.ring();
    await this.#loop;
    await drained(this.#inFlight);
  }

  /** Offers a dispatch that was accepted this moment, without waiting for a round; `intent` is the token of the lease it was accepted under. */
  begin(dispatch: Dispatch, run: RunRecord, intent: string): void {
    if (this.#stopped) return;
    const offer =
      dispatch.state === 'leased' ? this.offer.first(dispatch, run, intent) : this.offer.execute(dispatch, run);
    this.#track(dispatch.id, offer);
  }

  async #run(): Promise<void> {
    let round = 0;
    while (!this.#stopped) {
      try {
        await this.#round(round++);
      } catch (error) {
        this.log.warn({ error }, 'a round of the scheduler failed; the next one tries again');
      }
      await this.wake.wait(this.config.SALLY_SWEEP_MS);
    }
  }

  async #round(round: number): Promise<void> {
    const room = Math.min(batch, maxInFlight - this.#inFlight.size);
    const now = this.clock.now();
    if (room > 0) {
      const db = this.store.autocommit;
      const heardSince = now - this.config.SALLY_LEASE_MS;
      await this.dispatches.wakeWaiting(db, now, heardSince, await this.edges.room(db, heardSince));
      const due = await this.dispatches.claimDue(db, now, this.config.SALLY_OFFER_MS, room);
      for (const dispatch of due) this.#track(dispatch.id, this.attend.execute(dispatch));
      if (due.length === room) this.wake.ring();
    }
    if (await this.afterwork.sweep()) this.wake.ring();
    await this.inputs.sweep();
    if (round % agingEvery === 0) await this.#age(now);
  }

  async #age(now: number): Promise<void> {
    await this.store.system(async (db) => {
      await this.keys.forget(db, now);
      await this.firings.forget(db, now, forgetBatch);
      for (const edge of await this.edges.silent(db, now - this.config.SALLY_EDGE_LOST_MS)) {
        await this.edges.save(db, movedEdge(edge, 'lose', 'silent', now));
      }
    });
  }

  #track(dispatch: string, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        const fault = Fault.from(error);
        // Somebody else moved it on; its row says when it is due again.
        if (fault.reason === 'scheduler.conflict') this.log.debug({ dispatch }, 'a dispatch changed meanwhile');
        else this.log.error({ dispatch, error }, 'a step of a dispatch failed; it is tried again when it is due');
      })
      .finally(() => {
        this.#inFlight.delete(tracked);
        this.relay.kick();
      });
    this.#inFlight.add(tracked);
  }
}
