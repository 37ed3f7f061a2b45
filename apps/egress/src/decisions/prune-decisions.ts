/** Deletes decisions nobody can ask about any more. */

import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import type { EgressConfig } from '../config.ts';
import { DecisionStore } from './decision.store.ts';

const hourMs = 3_600_000;

@Injectable()
export class PruneDecisions implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly rows: DecisionStore,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: EgressConfig,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.execute(), hourMs);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async execute(): Promise<void> {
    try {
      await this.rows.deleteBefore(this.clock.now() - this.config.SALLY_EGRESS_DECISION_DAYS * 24 * hourMs);
    } catch (error) {
      this.log.warn({ error }, 'old decisions could not be deleted');
    }
  }
}
