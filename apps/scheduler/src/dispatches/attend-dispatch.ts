/** Takes the next steps of a dispatch until it needs none for now. Every step is its own transaction, so a death in between loses nothing. */

import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import { boundsOf, type SchedulerConfig } from '../config.ts';
import { EndRun } from '../runs/end-run.ts';
import { Wake } from '../wake.ts';
import { decide, type Step } from './decide.ts';
import { DispatchStore } from './dispatch.store.ts';
import type { Bounds, Dispatch } from './dispatch.ts';
import { EdgeSight, type Seen } from './edge-sight.ts';
import { OfferDispatch } from './offer-dispatch.ts';
import { cancellation, failure, type Outcome, outcomeOf } from './outcome.ts';

/** Sentences for ends that no edge explains. */
const messages: Readonly<Record<string, string>> = {
  queue_timeout: 'no edge with room for it was found in time; start an edge that offers its runner and profile',
  edge_lost: 'the edge that held it has been silent for too long; its work so far is on that machine',
  superseded: 'an earlier offer of it was taken by its edge after it had been given up; it is not started twice',
  lost: 'the edge answers and no longer knows it; it vanished without an observed exit',
  max_lifetime: 'it did not end within its lifetime although it was told to',
};

@Injectable()
export class AttendDispatch {
  readonly #bounds: Bounds;

  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly endRun: EndRun,
    private readonly offer: OfferDispatch,
    private readonly sight: EdgeSight,
    private readonly wake: Wake,
    private readonly clock: Clock,
    @Inject(CONFIG) config: SchedulerConfig,
  ) {
    this.#bounds = boundsOf(config);
  }

  async execute(dispatch: Dispatch): Promise<void> {
    let seen: Seen = { sight: { see: 'unasked' }, workload: undefined };
    let step = decide(dispatch, this.clock.now(), seen.sight, this.#bounds);
    if (step.step === 'look' || step.step === 'stop') {
      seen = await (step.step === 'look' ? this.sight.look(dispatch) : this.sight.stop(dispatch));
      step = decide(dispatch, this.clock.now(), seen.sight, this.#bounds);
    }
    await this.#take(step, dispatch, seen);
  }

  async #take(step: Step, dispatch: Dispatch, { workload }: Seen): Promise<void> {
    switch (step.step) {
      case 'lease':
        await this.offer.execute(dispatch);
        return;
      case 'save':
        await this.store.tx(dispatch.org, (db) => this.dispatches.save(db, step.dispatch));
        return;
      case 'end': {
        const outcome =
          step.outcome === 'cancelled'
            ? cancellation(dispatch.why)
            : failure(step.reason, messages[step.reason] ?? step.reason);
        await this.#end(dispatch, outcome);
        return;
      }
      case 'settle':
        if (workload !== undefined)
          await this.#end(
            dispatch,
            outcomeOf(workload, {
              result: undefined,
              commits: [],
              wished: dispatch.wish === 'stop',
              why: dispatch.why,
            }),
          );
        return;
      case 'rest':
      case 'look':
      case 'stop':
        return;
    }
  }

  async #end(dispatch: Dispatch, outcome: Outcome): Promise<void> {
    await this.store.tx(dispatch.org, (db) => this.endRun.execute(db, dispatch, outcome));
    this.wake.ring();
  }
}
