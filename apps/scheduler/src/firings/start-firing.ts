/**
 * Makes a run of a firing that is being decided: identity authorises its envelope, then firing and run commit together.
 *
 * The row names the run before identity is asked, and identity answers the same run again without counting it. So a death anywhere in
 * between is made good by whoever takes the firing up, and two who work on one make one run.
 */

import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { AfterworkStore } from '../afterwork/afterwork.store.ts';
import type { SchedulerConfig } from '../config.ts';
import type { Dispatch } from '../dispatches/dispatch.ts';
import { Sweeper } from '../dispatches/sweeper.ts';
import { Peers } from '../peers.ts';
import { newRun } from '../runs/new-run.ts';
import { RunStore } from '../runs/run.store.ts';
import type { RunRecord } from '../runs/run.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { decideRefused } from './decide-refused.ts';
import { FiringStore } from './firing.store.ts';
import { type Firing, start } from './firing.ts';
import { firedRow } from './firing-record.ts';

const authorizeMs = 5_000;

/** What of a trigger a firing is recorded with; its name and kind never change, and its subject is in the envelope. */
export type FiredTrigger = Pick<Trigger, 'id' | 'kind' | 'name' | 'grantTrouble'>;

@Injectable()
export class StartFiring {
  constructor(
    private readonly store: Store,
    private readonly firings: FiringStore,
    private readonly triggers: TriggerStore,
    private readonly runs: RunStore,
    private readonly afterwork: AfterworkStore,
    private readonly peers: Peers,
    private readonly sweeper: Sweeper,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  /** Answers the firing as it stands afterwards; one that identity could not be asked about is still being decided. */
  async execute(firing: Firing, trigger: FiredTrigger): Promise<Firing> {
    const { unit } = firing;
    if (firing.state !== 'deciding' || unit === undefined) return firing;
    try {
      await this.peers.identity.authorizeFiring(
        { unit, trigger: { kind: trigger.kind, id: trigger.id, specHash: firing.specHash, name: trigger.name } },
        { timeoutMs: authorizeMs },
      );
    } catch (error) {
      return this.#notAuthorized(firing, trigger, Fault.from(error));
    }
    const run = newRun(unit, this.clock.now(), {
      queueMs: this.config.SALLY_QUEUE_MS,
      lifetimeMs: this.config.SALLY_LIFETIME_MS,
    });
    return this.#commit(firing, trigger, run);
  }

  async #commit(
    firing: Firing,
    trigger: FiredTrigger,
    { run, queued }: { run: RunRecord; queued: Dispatch },
  ): Promise<Firing> {
    const { current, mine } = await this.store.tx(firing.org, async (db) => {
      const before = await this.firings.lock(db, firing.id);
      // Another scheduler took it up meanwhile and was first.
      if (before?.state !== 'deciding') return { current: before ?? firing, mine: false };
      const after = start(before, this.clock.now());
      await this.runs.insert(db, run, queued);
      await this.firings.save(db, after);
      // Whoever gave the grant is in order again.
      if (trigger.grantTrouble !== '') await this.triggers.noteTrouble(db, trigger.id, grantOf(firing), '');
      await enqueue(db, [firedRow(after, { ...trigger, subject: run.subject }, this.clock)]);
      return { current: after, mine: true };
    });
    // What the outbox holds goes out behind the offer, not beside it.
    if (mine) this.sweeper.begin(queued, run, '');
    return current;
  }

  async #notAuthorized(firing: Firing, trigger: FiredTrigger, fault: Fault): Promise<Firing> {
    const now = this.clock.now();
    const subject = firing.unit?.identity?.subject ?? '';
    const after = await this.store.tx(firing.org, async (db) => {
      const before = await this.firings.lock(db, firing.id);
      if (before?.state !== 'deciding') return before ?? firing;
      const { firing: moved, again, endsGrant } = decideRefused(before, fault, now, this.config.SALLY_QUEUE_MS);
      this.log.info({ firing: firing.id, reason: fault.reason, again }, 'a firing is not authorised');
      await this.firings.save(db, moved);
      if (again) return moved;
      await enqueue(db, [firedRow(moved, { ...trigger, subject }, this.clock)]);
      if (endsGrant) await this.triggers.noteTrouble(db, trigger.id, grantOf(firing), fault.reason);
      // An earlier question may have been answered with yes, and nobody was left to hear it.
      await this.afterwork.add(db, firing.org, firing.run, ['end_launch'], now);
      return moved;
    });
    this.relay.kick();
    return after;
  }
}

const grantOf = (firing: Firing): string => firing.unit?.trigger?.grant ?? '';
