/** Ends every token of a run, principal, org, key or grant, within the caller's org. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import type { EpochKind, EpochRecord } from '@sallyport/trust/epoch-ring';
import { argumentInvalid, revokeTargetUnknown } from '../faults.ts';
import { raiseEpoch } from './epoch.store.ts';
import { EpochFeed } from './epoch-feed.ts';

/** Where the thing named lives; row-level security leaves only the caller's org to find. */
const lookups: Readonly<Partial<Record<EpochKind, string>>> = {
  run: 'SELECT 1 FROM launch WHERE run = $1',
  subject: 'SELECT 1 FROM principal WHERE id = $1',
  org: 'SELECT 1 FROM org WHERE org = $1',
  key: 'SELECT 1 FROM api_key WHERE id = $1',
  grant: 'SELECT 1 FROM trigger_grant WHERE id = $1',
};

@Injectable()
export class Revoke {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute(session: SessionClaims, kind: EpochKind | undefined, id: string): Promise<EpochRecord> {
    const lookup = kind === undefined ? undefined : lookups[kind];
    // A signing key serves every org, so no org's session may end it: the operator rotates it.
    if (kind === undefined || lookup === undefined) throw argumentInvalid('kind', 'run, subject, org, key or grant');
    const epoch = await this.store.tx(session.org, async (db: Db) => {
      const found = await db.query(lookup, [id]);
      if (found.length === 0) throw revokeTargetUnknown(id);
      const event = {
        kind: 'admin.revoke',
        org: session.org,
        environment: session.env,
        subject: session.sub,
        outcome: 'allow',
      } as const;
      await enqueue(db, [auditRow({ ...event, resource: `${kind}/${id}` }, this.clock)]);
      return raiseEpoch(db, { kind, id, org: session.org, issuedBefore: this.clock.now() + 1 });
    });
    this.feed.push(epoch);
    return epoch;
  }
}
