/** Turns a principal off or on. Turning off revokes every token it has, in the same transaction. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { principalUnknown } from '../faults.ts';
import { type Principal, principalColumns } from './principal.ts';

@Injectable()
export class SetPrincipalDisabled {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute({ org, env, sub }: SessionClaims, id: string, disabled: boolean): Promise<Principal> {
    const { principal, epoch } = await this.store.tx(org, async (db) => {
      const [row] = await db.query<Principal>(
        `UPDATE principal SET disabled = $3 WHERE org = $1 AND id = $2 RETURNING ${principalColumns}`,
        [org, id, disabled],
      );
      if (row === undefined) throw principalUnknown(id);
      const event = {
        kind: 'admin.principal',
        org,
        environment: env,
        subject: sub,
        outcome: 'allow',
        resource: `principal/${id}`,
      } as const;
      await enqueue(db, [auditRow({ ...event, facts: { change: disabled ? 'disabled' : 'enabled' } }, this.clock)]);
      if (!disabled) return { principal: row, epoch: undefined };
      return {
        principal: row,
        epoch: await raiseEpoch(db, { kind: 'subject', id, org, issuedBefore: this.clock.now() + 1 }),
      };
    });
    if (epoch !== undefined) this.feed.push(epoch);
    return principal;
  }
}
