/** Ends every grant of a trigger that is removed, and what runs on them. Ending them again changes nothing. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { isId } from '@sallyport/core/ids';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import type { EpochRecord } from '@sallyport/trust/epoch-ring';
import { everAfter, raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { argumentInvalid } from '../faults.ts';
import { lockGrantsOf, moveGrant } from './grant.store.ts';
import { triggerKinds } from './grant.ts';
import { grantEvent } from './grant-event.ts';

const reason = 'trigger_removed';

@Injectable()
export class EndGrants {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute(org: string, kindName: string, id: string): Promise<void> {
    if (org === '' || org === '*') throw argumentInvalid('org', 'the name of an org');
    const kind = triggerKinds.find((each) => each === kindName);
    if (kind === undefined) throw argumentInvalid('kind', triggerKinds.join(' or '));
    if (!isId(kind, id)) throw argumentInvalid('id', `the id of a ${kind}`);
    const raised = await this.store.tx(org, async (db) => {
      const nowMs = this.clock.now();
      const grants = await lockGrantsOf(db, { kind, id }, nowMs);
      for (const grant of grants) {
        await moveGrant(db, grant, 'revoke', { reason, nowMs });
        const what = { kind: 'grant.revoked', outcome: 'allow', facts: { why: reason } } as const;
        await enqueue(db, [grantEvent(grant, what, this.clock)]);
      }
      const epochs: EpochRecord[] = [];
      for (const grant of grants) {
        const issuedBefore = everAfter(this.clock.now());
        epochs.push(await raiseEpoch(db, { kind: 'grant', id: grant.id, org, issuedBefore }));
      }
      return epochs;
    });
    for (const epoch of raised) this.feed.push(epoch);
  }
}
