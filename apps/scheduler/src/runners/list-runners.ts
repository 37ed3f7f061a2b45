/** What the edges can drive, as each of them last said. */

import { Inject, Injectable } from '@nestjs/common';
import type { RunnerDescription } from '@sallyport/contracts/schedule/v1/schedule';
import { Clock } from '@sallyport/core/clock';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { EdgeStore } from '../edges/edge.store.ts';

@Injectable()
export class ListRunners {
  constructor(
    private readonly store: Store,
    private readonly edges: EdgeStore,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  /** By edge, then in the edge's own order, which is by name. */
  async execute(): Promise<readonly RunnerDescription[]> {
    const heardSince = this.clock.now() - this.config.SALLY_EDGE_LOST_MS;
    const heard = await this.store.system((db) => this.edges.heard(db, heardSince));
    return heard.flatMap(({ descriptions }) => descriptions);
  }
}
