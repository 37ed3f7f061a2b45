/** Removes a subscription. Its history stays; identity hears of it until its grant is worth nothing. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { AfterworkStore } from '../afterwork/afterwork.store.ts';
import { triggerNotFound } from '../faults.ts';
import { changeRow } from '../triggers/change-record.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { Wake } from '../wake.ts';

@Injectable()
export class DeleteSubscription {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly afterwork: AfterworkStore,
    private readonly wake: Wake,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  async execute(name: string, claims: SessionClaims): Promise<void> {
    const now = this.clock.now();
    await this.store.tx(claims.org, async (db) => {
      const before = await this.triggers.lockNamed(db, { environment: claims.env, kind: 'subscription', name });
      if (before === undefined) throw triggerNotFound('subscription', name);
      const removed = await this.triggers.put(db, { ...before, deletedAt: now });
      await this.afterwork.add(db, removed.org, removed.id, ['end_subscription_grants'], now);
      await enqueue(db, [changeRow(removed, 'removed', claims, this.clock)]);
    });
    this.relay.kick();
    this.wake.ring();
  }
}
