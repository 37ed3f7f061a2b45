/** Answers the history of a trigger, newest first. */

import { Injectable } from '@nestjs/common';
import type { Firing, ListFiringsRequest } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { isId } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { pageInvalid, triggerNotFound } from '../faults.ts';
import { triggerKind } from '../triggers/give-consent.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import { FiringStore } from './firing.store.ts';
import { firingWire } from './firing.ts';

const usualPage = 50;
const maxPage = 200;

@Injectable()
export class ListFirings {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly firings: FiringStore,
  ) {}

  async execute(
    request: ListFiringsRequest,
    { org, env }: SessionClaims,
  ): Promise<{ firings: Firing[]; nextPageToken: string }> {
    const { name, pageSize, pageToken } = request;
    const kind = triggerKind(request.kind);
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (pageToken !== '' && !isId('firing', pageToken)) throw pageInvalid('/page_token');
    const limit = pageSize === 0 ? usualPage : pageSize;
    return this.store.tx(org, async (db) => {
      const trigger = await this.triggers.everNamed(db, { environment: env, kind, name });
      if (trigger === undefined) throw triggerNotFound(kind, name);
      const found = await this.firings.list(db, { trigger: trigger.id, before: pageToken, limit: limit + 1 });
      const page = found.slice(0, limit);
      return { firings: page.map(firingWire), nextPageToken: found.length > limit ? (page.at(-1)?.id ?? '') : '' };
    });
  }
}
