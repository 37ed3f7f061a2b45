/**
 * Offers a dispatch to an edge: a lease under a new epoch, an intent token for it, the call that starts it.
 *
 * No token leaves this process before the lease under its epoch is committed, so whatever happens after it the epoch is known to be
 * used. Minting voids every earlier token, so a second offer looks at the edge between the two: what an earlier offer started before the
 * mint is seen, and what it would start later gets no token. That holds whatever the clocks do.
 */

import { Inject, Injectable } from '@nestjs/common';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import { type Db, Store } from '@sallyport/store/store';
import { boundsOf, type SchedulerConfig } from '../config.ts';
import { EdgeStore } from '../edges/edge.store.ts';
import { Peers } from '../peers.ts';
import { EndRun } from '../runs/end-run.ts';
import { RunStore } from '../runs/run.store.ts';
import { type RunRecord, unitOf } from '../runs/run.ts';
import { Wake } from '../wake.ts';
import { DispatchStore } from './dispatch.store.ts';
import { type Bounds, type Dispatch, lease, requeue, waitForRoom } from './dispatch.ts';
import { EdgeSight } from './edge-sight.ts';
import { cancellation, failure } from './outcome.ts';
import { refusalOf } from './refusal.ts';

const mintMs = 3_000;
const createMs = 5_000;

@Injectable()
export class OfferDispatch {
  readonly #bounds: Bounds;

  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly edges: EdgeStore,
    private readonly runs: RunStore,
    private readonly endRun: EndRun,
    private readonly peers: Peers,
    private readonly sight: EdgeSight,
    private readonly wake: Wake,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) config: SchedulerConfig,
  ) {
    this.#bounds = boundsOf(config);
  }

  /** `known` spares a read when the caller has just written the run. */
  async execute(queued: Dispatch, known?: RunRecord): Promise<void> {
    const leased = await this.store.system((db) => this.#lease(db, queued));
    if (leased?.edge === undefined) return;
    const run = known ?? (await this.store.tx(leased.org, (db) => this.runs.find(db, leased.run)));
    if (run === undefined) throw new Error(`dispatch ${leased.id} has no run`);
    const unit = unitOf(run, leased.id);
    const epoch = BigInt(leased.epoch);
    let token: string;
    try {
      ({ token } = await this.peers.identity.mintIntent({ unit, edge: leased.edge, epoch }, { timeoutMs: mintMs }));
    } catch (error) {
      await this.#notOffered(leased, Fault.from(error));
      return;
    }
    if (leased.offers > 1 && !(await this.#untouched(leased))) return;
    await this.#send(leased, unit, token);
  }

  /** Carries the first offer of a dispatch that was accepted under its lease and has its token. */
  async first(leased: Dispatch, run: RunRecord, token: string): Promise<void> {
    await this.#send(leased, unitOf(run, leased.id), token);
  }

  /** That the edge took it is said by its first report or heartbeat; without one, the look at the end of the lease tells. */
  async #send(leased: Dispatch, unit: Unit, token: string): Promise<void> {
    try {
      await this.peers.runtime.createWorkload({ unit }, { token, timeoutMs: createMs });
    } catch (error) {
      await this.#notTaken(leased, Fault.from(error));
    }
  }

  /** Whether the edge says that no earlier offer was taken. If not, the lease runs out and the next look decides. */
  async #untouched(leased: Dispatch): Promise<boolean> {
    return (await this.sight.look(leased)).sight.see === 'absence';
  }

  /** The dispatch under its new epoch, or undefined when no edge has room; then it waits with that reason. */
  async #lease(db: Db, queued: Dispatch): Promise<Dispatch | undefined> {
    const now = this.clock.now();
    const places = await this.edges.places(db, queued.runner, queued.profile, now - this.#bounds.leaseMs);
    for (const place of places) {
      const leased = await this.dispatches.saveWithin(db, lease(queued, place.id, now, this.#bounds), place.capacity);
      if (leased !== undefined) return leased;
    }
    await this.dispatches.save(
      db,
      waitForRoom(queued, places.length === 0 ? 'no_edge' : 'no_capacity', now, this.#bounds.lookMs),
    );
    return undefined;
  }

  /** No token, so no edge has heard of this epoch. */
  async #notOffered(leased: Dispatch, fault: Fault): Promise<void> {
    this.log.warn(
      { dispatch: leased.id, epoch: leased.epoch, reason: fault.reason, code: fault.code },
      'no intent token for an offer',
    );
    const again = fault.retryable || fault.code === 'internal';
    await this.#within(leased, (db, current) =>
      again ? this.#again(db, current, fault) : this.#fail(db, current, fault),
    );
  }

  async #notTaken(leased: Dispatch, fault: Fault): Promise<void> {
    this.log.warn(
      { dispatch: leased.id, epoch: leased.epoch, reason: fault.reason, code: fault.code },
      'an offer was not taken',
    );
    switch (refusalOf(fault)) {
      case 'final':
        await this.#within(leased, (db, current) => this.#fail(db, current, fault));
        return;
      case 'nowhere':
        await this.#within(leased, (db, current) => this.#again(db, current, fault));
        return;
      case 'answered': {
        const { sight } = await this.sight.look(leased);
        if (sight.see === 'absence') await this.#within(leased, (db, current) => this.#again(db, current, fault));
        return;
      }
      case 'unknown':
        // The lease runs out; by then the edge can say what became of the offer.
        return;
    }
  }

  #again(db: Db, current: Dispatch, fault: Fault): Promise<Dispatch> {
    return this.dispatches.save(db, requeue(current, fault.reason, this.clock.now()));
  }

  async #fail(db: Db, current: Dispatch, fault: Fault): Promise<Dispatch | undefined> {
    // A stop that overtook the offer is a refusal too, and not a failure.
    const outcome = current.wish === 'stop' ? cancellation(current.why) : failure(fault.reason, fault.message);
    return (await this.endRun.execute(db, current, outcome))?.dispatch;
  }

  /** Works on the dispatch while it is still under the same offer; whoever moved it on knew better. */
  async #within(leased: Dispatch, work: (db: Db, current: Dispatch) => Promise<Dispatch | undefined>): Promise<void> {
    const after = await this.store.tx(leased.org, async (db) => {
      const current = await this.dispatches.lock(db, leased.id);
      return current?.state === 'leased' && current.epoch === leased.epoch ? work(db, current) : current;
    });
    // An end has word to spread, and a wish that came meanwhile does not wait for the next round.
    if (after?.state === 'ended' || after?.wish === 'stop') this.wake.ring();
  }
}
