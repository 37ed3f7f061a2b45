/** Which subscriptions of its environment want an event. */

import { Injectable } from '@nestjs/common';
import { Store } from '@sallyport/store/store';
import type { StoredEvent } from '../events/event.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { fitsPatterns } from './filter.ts';
import { FilterJudge } from './filter-judge.ts';
import { specOf } from './subscription.ts';

const page = 200;

export interface WantedBy {
  readonly triggers: readonly Trigger[];
  /** Ids of those whose expression took too long to tell. */
  readonly costly: readonly string[];
}

@Injectable()
export class WantedEvents {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly judge: FilterJudge,
  ) {}

  /** Subscriptions that were there when the event came; what is paused or lacks consent is among them, and its firing says so. */
  async by({ org, environment, cloud, receivedAt }: StoredEvent): Promise<WantedBy> {
    const all = await this.#all(org, environment);
    const fitting = all
      .filter(({ createdAt }) => createdAt <= receivedAt)
      .map((trigger) => ({ trigger, spec: specOf(trigger) }))
      .filter(({ spec }) => fitsPatterns(spec, cloud));
    const judged = fitting.filter(({ spec }) => spec.expression !== '');
    const verdicts = await this.judge.judge(
      org,
      { ...cloud, time: cloud.time ?? receivedAt },
      judged.map(({ spec }) => spec.expression),
    );
    const said = new Map(judged.map(({ trigger }, index) => [trigger.id, verdicts[index]]));
    return {
      triggers: fitting.flatMap(({ trigger }) => ((said.get(trigger.id) ?? 'yes') === 'yes' ? [trigger] : [])),
      costly: [...said].flatMap(([id, verdict]) => (verdict === 'costly' ? [id] : [])),
    };
  }

  async #all(org: string, environment: string): Promise<readonly Trigger[]> {
    return this.store.tx(org, async (db) => {
      const found: Trigger[] = [];
      for (let after = '', more = true; more; after = found.at(-1)?.name ?? '') {
        const next = await this.triggers.list(db, { environment, kind: 'subscription', after, limit: page });
        found.push(...next);
        more = next.length === page;
      }
      return found;
    });
  }
}
