/** Goes on with firings that waited for a run of their trigger to end, and ends that run where the policy says so. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { wishStop } from '../dispatches/dispatch.ts';
import { cancellation } from '../dispatches/outcome.ts';
import { EndRun } from '../runs/end-run.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { Wake } from '../wake.ts';
import { decideWaiting } from './decide-firing.ts';
import { FiringStore } from './firing.store.ts';
import type { Firing, NamedFiring } from './firing.ts';
import { FiringDesk } from './firing-desk.ts';

const replaced = 'a later firing of its trigger takes its place';

/** What became of a firing that waited. */
interface Released {
  readonly trigger: Trigger;
  readonly firing: Firing;
  /** Runs to end first. */
  readonly replaces: readonly string[];
}

@Injectable()
export class ReleaseWaiting {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly firings: FiringStore,
    private readonly dispatches: DispatchStore,
    private readonly endRun: EndRun,
    private readonly desk: FiringDesk,
    private readonly relay: OutboxRelay,
    private readonly wake: Wake,
    private readonly clock: Clock,
  ) {}

  /** Answers the firing and its trigger once it waits no more; undefined while it does. */
  async execute(waiting: NamedFiring): Promise<{ firing: Firing; trigger: Trigger } | undefined> {
    const released = await this.#release(waiting);
    if (released === undefined) return undefined;
    for (const run of released.replaces) await this.#stop(waiting.org, run);
    return released.firing.state === 'queued' ? undefined : released;
  }

  #release({ org, id, trigger: triggerId }: NamedFiring): Promise<Released | undefined> {
    return this.store.tx(org, async (db) => {
      const trigger = await this.triggers.lock(db, triggerId);
      const firing = await this.firings.lock(db, id);
      if (trigger === undefined || firing?.state !== 'queued') return undefined;
      const open = (await this.firings.openOf(db, [trigger.id])).filter((other) => other.id !== id);
      const busy = open.filter(({ state }) => state !== 'queued');
      const decision = decideWaiting(trigger, busy.length);
      if (decision !== undefined)
        return { trigger, firing: await this.desk.release(db, trigger, firing, decision), replaces: [] };
      const started = busy.filter(({ state }) => state === 'started').map(({ run }) => run);
      return { trigger, firing, replaces: firing.reason === 'replacing' ? started : [] };
    });
  }

  async #stop(org: string, run: string): Promise<void> {
    const changed = await this.store.tx(org, async (db) => {
      const dispatch = await this.dispatches.lockOfRun(db, run);
      if (dispatch === undefined || dispatch.state === 'ended' || dispatch.wish === 'stop') return false;
      const wished = wishStop(dispatch, replaced, this.clock.now());
      if (dispatch.state === 'queued') await this.endRun.execute(db, wished, cancellation(replaced));
      else await this.dispatches.save(db, wished);
      return true;
    });
    if (!changed) return;
    this.relay.kick();
    this.wake.ring();
  }
}
