/** Answers subscriptions by name, a page at a time, or one of them. */

import { Injectable } from '@nestjs/common';
import type { ListSubscriptionsRequest, Subscription } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { pageInvalid, triggerNotFound } from '../faults.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { subscriptionWire } from './subscription.ts';

const usualPage = 50;
const maxPage = 200;

@Injectable()
export class ListSubscriptions {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
  ) {}

  async execute(
    { pageSize, pageToken }: ListSubscriptionsRequest,
    { org, env }: SessionClaims,
  ): Promise<{ subscriptions: Subscription[]; nextPageToken: string }> {
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (pageToken !== '' && !isSlug(pageToken)) throw pageInvalid('/page_token');
    const limit = pageSize === 0 ? usualPage : pageSize;
    const filter = { environment: env, kind: 'subscription', after: pageToken, limit: limit + 1 } as const;
    const found = await this.store.tx(org, (db) => this.triggers.list(db, filter));
    const page = found.slice(0, limit);
    return {
      subscriptions: page.map(subscriptionWire),
      nextPageToken: found.length > limit ? (page.at(-1)?.name ?? '') : '',
    };
  }

  async get(name: string, { org, env }: SessionClaims): Promise<Subscription> {
    const named = { environment: env, kind: 'subscription', name } as const;
    const trigger = await this.store.tx(org, (db) => this.triggers.find(db, named));
    if (trigger === undefined) throw triggerNotFound('subscription', name);
    return subscriptionWire(trigger);
  }
}
