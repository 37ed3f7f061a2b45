/** Renews the leases of an edge and tells it which ones it no longer holds. */

import { Inject, Injectable } from '@nestjs/common';
import type { HeartbeatEdgeRequest, LeaseRef } from '@sallyport/contracts/schedule/v1/schedule';
import { Clock } from '@sallyport/core/clock';
import { CONFIG } from '@sallyport/service/start';
import { type Db, Store } from '@sallyport/store/store';
import { boundsOf, type SchedulerConfig } from '../config.ts';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { type Bounds, type Dispatch, renew, start } from '../dispatches/dispatch.ts';
import { edgeInvalid, edgeUnknown } from '../faults.ts';
import { EdgeStore } from './edge.store.ts';
import { revived } from './edge.ts';

const maxHeld = 10_000;

@Injectable()
export class HeartbeatEdge {
  readonly #bounds: Bounds;

  constructor(
    private readonly store: Store,
    private readonly edges: EdgeStore,
    private readonly dispatches: DispatchStore,
    private readonly clock: Clock,
    @Inject(CONFIG) config: SchedulerConfig,
  ) {
    this.#bounds = boundsOf(config);
  }

  async execute({ edge: id, held }: HeartbeatEdgeRequest): Promise<readonly LeaseRef[]> {
    if (held.length > maxHeld) throw edgeInvalid('/held', `at most ${maxHeld} leases`);
    // Two transactions: a lease locks edge before dispatch, and this one must not hold both the other way round.
    await this.store.system((db) => this.#heard(db, id));
    if (held.length === 0) return [];
    return this.store.system((db) => this.#renew(db, id, held));
  }

  async #heard(db: Db, id: string): Promise<void> {
    const edge = await this.edges.lock(db, id);
    if (edge === undefined) throw edgeUnknown(id);
    const now = this.clock.now();
    await this.edges.save(db, { ...revived(edge, 'heard', now), seenAt: now });
  }

  async #renew(db: Db, edge: string, held: readonly LeaseRef[]): Promise<readonly LeaseRef[]> {
    const rows = await this.dispatches.lockAll(
      db,
      held.map((ref) => ref.dispatch),
    );
    const known = new Map(rows.map((row) => [row.id, row]));
    const lost: LeaseRef[] = [];
    for (const ref of held) {
      const row = known.get(ref.dispatch);
      if (
        row === undefined ||
        row.edge !== edge ||
        row.epoch !== Number(ref.epoch) ||
        row.state === 'queued' ||
        row.state === 'ended'
      )
        lost.push(ref);
      else await this.#keep(db, row);
    }
    return lost;
  }

  /** Holding it is proof that the edge took it. A lease with most of its time left is not written again. */
  async #keep(db: Db, row: Dispatch): Promise<void> {
    const now = this.clock.now();
    if (row.state === 'leased') await this.dispatches.save(db, start(row, now, this.#bounds));
    else if (row.troubledSince !== undefined || row.leaseUntil - now < this.#bounds.leaseMs * 0.7)
      await this.dispatches.save(db, renew(row, now, this.#bounds));
  }
}
