/** Closes a run: nothing is minted for it again and its tokens are revoked. Ending it again changes nothing. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { everAfter, raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { argumentInvalid, launchUnknown } from '../faults.ts';
import { launchMachine } from './launch.machine.ts';
import { lockLaunch } from './launch.store.ts';

@Injectable()
export class EndLaunch {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute(org: string, run: string): Promise<void> {
    if (org === '' || org === '*') throw argumentInvalid('org', 'the name of an org');
    const raised = await this.store.tx(org, async (db) => {
      const launch = await lockLaunch(db, org, run);
      if (launch === undefined) throw launchUnknown(run);
      const next = launchMachine.next(launch.state, 'end');
      if (next === undefined) return undefined;
      const now = this.clock.now();
      await db.query('UPDATE launch SET state = $3, ended_at = $4 WHERE org = $1 AND run = $2', [
        org,
        run,
        next,
        new Date(now),
      ]);
      const { environment, subject } = launch;
      await enqueue(db, [
        auditRow({ kind: 'launch.ended', org, environment, subject, run, outcome: 'allow' }, this.clock),
      ]);
      return raiseEpoch(db, { kind: 'run', id: run, org, issuedBefore: everAfter(now) });
    });
    if (raised !== undefined) this.feed.push(raised);
  }
}
