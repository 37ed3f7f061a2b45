/** Ends a grant for good, and in the same transaction every token of its runs. Revoking it again changes nothing. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import { everAfter, raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { grantUnknown } from '../faults.ts';
import { findGrant, lockGrant, moveGrant } from './grant.store.ts';
import type { Grant } from './grant.ts';
import { grantEvent } from './grant-event.ts';

@Injectable()
export class RevokeGrant {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute({ org, env, sub }: SessionClaims, id: string): Promise<Grant> {
    const { grant, epoch } = await this.store.tx(org, async (db) => {
      const held = await lockGrant(db, id, this.clock.now());
      if (held === undefined || held.environment !== env) throw grantUnknown(id);
      return this.revoke(db, held, sub);
    });
    if (epoch !== undefined) this.feed.push(epoch);
    return grant;
  }

  private async revoke(db: Db, grant: Grant, by: string) {
    const nowMs = this.clock.now();
    const moved = await moveGrant(db, grant, 'revoke', { reason: 'revoked', nowMs });
    if (moved === undefined) return { grant, epoch: undefined };
    const what = { kind: 'grant.revoked', outcome: 'allow', facts: { why: 'revoked', by } } as const;
    await enqueue(db, [grantEvent(grant, what, this.clock)]);
    const after = (await findGrant(db, grant.id, nowMs)) ?? grant;
    const { id, org } = grant;
    return {
      grant: after,
      epoch: await raiseEpoch(db, { kind: 'grant', id, org, issuedBefore: everAfter(this.clock.now()) }),
    };
  }
}
