/** Answers events of an environment, newest first, a page at a time, or one of them with what it caused. */

import { Injectable } from '@nestjs/common';
import type { Event, ListEventsRequest } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { isId } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { eventNotFound, pageInvalid } from '../faults.ts';
import { FiringStore } from '../firings/firing.store.ts';
import { firingWire } from '../firings/firing.ts';
import { EventStore } from './event.store.ts';
import { eventWire } from './event.ts';

const usualPage = 50;
const maxPage = 200;
const maxType = 256;

@Injectable()
export class ListEvents {
  constructor(
    private readonly store: Store,
    private readonly events: EventStore,
    private readonly firings: FiringStore,
  ) {}

  async execute(
    { type, pageSize, pageToken }: ListEventsRequest,
    { org, env }: SessionClaims,
  ): Promise<{ events: Event[]; nextPageToken: string }> {
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (pageToken !== '' && !isId('event', pageToken)) throw pageInvalid('/page_token');
    if (type.length > maxType || type.includes('\0')) throw pageInvalid('/type');
    const limit = pageSize === 0 ? usualPage : pageSize;
    return this.store.tx(org, async (db) => {
      const filter = { environment: env, type, before: pageToken, limit: limit + 1 };
      const found = await this.events.list(db, filter);
      const page = found.slice(0, limit);
      const firings = await this.firings.ofEvents(
        db,
        page.map(({ id }) => id),
      );
      return {
        events: page.map((event) =>
          eventWire(event, firings.filter((firing) => firing.event === event.id).map(firingWire)),
        ),
        nextPageToken: found.length > limit ? (page.at(-1)?.id ?? '') : '',
      };
    });
  }

  async get(id: string, { org, env }: SessionClaims): Promise<Event> {
    return this.store.tx(org, async (db) => {
      const event = isId('event', id) ? await this.events.get(db, env, id) : undefined;
      if (event === undefined) throw eventNotFound(id);
      return eventWire(event, (await this.firings.ofEvents(db, [id])).map(firingWire));
    });
  }
}
