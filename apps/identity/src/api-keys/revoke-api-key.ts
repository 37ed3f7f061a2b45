/** Ends a key for good, and in the same transaction every session begun with it. Revoking it again changes nothing. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { everAfter, raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { keyUnknown } from '../faults.ts';
import { type ApiKey, apiKeyColumns } from './api-key.ts';

@Injectable()
export class RevokeApiKey {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly feed: EpochFeed,
  ) {}

  async execute({ org, env, sub }: SessionClaims, id: string): Promise<ApiKey> {
    const { key, epoch } = await this.store.tx(org, async (db) => {
      const [row] = await db.query<ApiKey>(
        `UPDATE api_key SET revoked_at = COALESCE(revoked_at, $3) WHERE org = $1 AND id = $2 RETURNING ${apiKeyColumns}`,
        [org, id, new Date(this.clock.now())],
      );
      if (row === undefined) throw keyUnknown(id);
      const event = {
        kind: 'admin.key',
        org,
        environment: env,
        subject: sub,
        outcome: 'allow',
        resource: `key/${id}`,
      } as const;
      await enqueue(db, [auditRow({ ...event, facts: { change: 'revoked' } }, this.clock)]);
      return {
        key: row,
        epoch: await raiseEpoch(db, { kind: 'key', id, org, issuedBefore: everAfter(this.clock.now()) }),
      };
    });
    this.feed.push(epoch);
    return key;
  }
}
