/** Which subscriptions of its environment want an event. */

import { Injectable } from '@nestjs/common';
import { Store } from '@sallyport/store/store';
import type { StoredEvent } from '../events/event.ts';
import { fitsPatterns } from './filter.ts';
import { FilterJudge } from './filter-judge.ts';
import { SubscriptionFiltersStore } from './subscription-filters.store.ts';

export interface WantedBy {
  /** Ids of the subscriptions that want it. */
  readonly triggers: readonly string[];
  /** Ids of those whose expression took too long to tell. */
  readonly costly: readonly string[];
}

@Injectable()
export class WantedEvents {
  constructor(
    private readonly store: Store,
    private readonly filters: SubscriptionFiltersStore,
    private readonly judge: FilterJudge,
  ) {}

  /** Subscriptions that were there when the event came; what is paused or lacks consent is among them, and its firing says so. */
  async by({ org, environment, cloud, receivedAt }: StoredEvent): Promise<WantedBy> {
    const all = await this.store.tx(org, (db) => this.filters.of(db, environment, receivedAt));
    const fitting = all.filter((filter) => fitsPatterns(filter, cloud));
    const judged = fitting.filter(({ expression }) => expression !== '');
    const verdicts = await this.judge.judge(
      org,
      { ...cloud, time: cloud.time ?? receivedAt },
      judged.map(({ expression }) => expression),
    );
    const said = new Map(judged.map(({ id }, index) => [id, verdicts[index]]));
    return {
      triggers: fitting.flatMap(({ id }) => ((said.get(id) ?? 'yes') === 'yes' ? [id] : [])),
      costly: [...said].flatMap(([id, verdict]) => (verdict === 'costly' ? [id] : [])),
    };
  }
}
