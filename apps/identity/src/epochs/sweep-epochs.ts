/** Removes epochs that cover no token that could still be presented: every run leaves one when it ends. */

import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { Store } from '@sallyport/store/store';
import { epochHorizonMs } from '@sallyport/trust/epoch-ring';

const sweepMs = 10 * 60 * 1_000;

@Injectable()
export class SweepEpochs implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.execute().catch((error: unknown) => this.log.warn({ error }, 'old epochs could not be swept'));
    }, sweepMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Keeps each twice as long as verifiers ask for it. Answers how many went. */
  async execute(): Promise<number> {
    const before = new Date(this.clock.now() - 2 * epochHorizonMs);
    const gone = await this.store.system((db) =>
      db.query('DELETE FROM epoch WHERE issued_before < $1 RETURNING id', [before]),
    );
    return gone.length;
  }
}
