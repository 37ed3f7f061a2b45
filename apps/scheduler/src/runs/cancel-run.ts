/** Records the wish to end a run. One that waits ends here; one that runs ends when its workload is gone. */

import { Injectable } from '@nestjs/common';
import type { CancelRunRequest, Run } from '@sallyport/contracts/schedule/v1/schedule';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { wishStop } from '../dispatches/dispatch.ts';
import { cancellation } from '../dispatches/outcome.ts';
import { runEnded, runNotFound } from '../faults.ts';
import { Wake } from '../wake.ts';
import { EndRun } from './end-run.ts';
import { runMachine } from './run.machine.ts';
import { RunStore } from './run.store.ts';
import { plainText, runWire } from './run.ts';

const maxWhy = 500;

@Injectable()
export class CancelRun {
  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly runs: RunStore,
    private readonly endRun: EndRun,
    private readonly relay: OutboxRelay,
    private readonly wake: Wake,
    private readonly clock: Clock,
  ) {}

  async execute({ id, why }: CancelRunRequest, claims: SessionClaims): Promise<Run> {
    const reason = plainText(why, maxWhy);
    const wire = await this.store.tx(claims.org, async (db) => {
      const dispatch = await this.dispatches.lockOfRun(db, id);
      const run = await this.runs.get(db, claims.env, id);
      if (run === undefined || dispatch === undefined) throw runNotFound(id);
      if (runMachine.isTerminal(run.state)) throw runEnded(id, run.state, runMachine.allowed(run.state));
      if (dispatch.state === 'queued') {
        const ended = await this.endRun.execute(db, { ...dispatch, wish: 'stop', why: reason }, cancellation(reason));
        return runWire(ended?.run ?? run, ended?.dispatch ?? dispatch);
      }
      if (dispatch.wish === 'stop') return runWire(run, dispatch);
      return runWire(run, await this.dispatches.save(db, wishStop(dispatch, reason, this.clock.now())));
    });
    this.relay.kick();
    this.wake.ring();
    return wire;
  }
}
