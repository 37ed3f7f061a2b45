/** A run as one caller may see it: every read goes to the scheduler with the caller's own session. */

import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type Run, RunSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { Live } from '../live.ts';
import { Services } from '../services.ts';
import type { Asker } from '../session/asker.ts';
import type { RunSource } from './follow-run.ts';
import { hasEnded } from './run-state.ts';

@Injectable()
export class RunReader {
  constructor(
    private readonly services: Services,
    private readonly live: Live,
  ) {}

  async get(asker: Asker, id: string): Promise<Run> {
    const { run } = await asker.call('scheduler', (options) => this.services.scheduler.getRun({ id }, options));
    return run ?? create(RunSchema, { id });
  }

  page(asker: Asker, run: string, afterSeq: bigint, pageSize: number) {
    return asker.call('scheduler', (options) =>
      this.services.scheduler.listOutput({ run, afterSeq, pageSize }, options),
    );
  }

  /** The run once it has ended, or as it stands when the time is up. */
  async wait(asker: Asker, id: string, ms: number): Promise<Run> {
    const first = await this.get(asker, id);
    if (ms === 0 || hasEnded(first)) return first;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const listening = this.live.onRun(first.org, id, (run) => hasEnded(run) && end());
    const timer = setTimeout(end, ms);
    try {
      await listening.ready;
      const second = await this.get(asker, id);
      if (hasEnded(second)) return second;
      await over;
    } finally {
      clearTimeout(timer);
      listening.stop();
    }
    return this.get(asker, id);
  }

  /** The source a reader's stream is made from. */
  async source(asker: Asker, id: string): Promise<RunSource> {
    const { org } = await this.get(asker, id);
    return {
      run: () => this.get(asker, id),
      page: (after) => this.page(asker, id, after, 500),
      onRun: (listener) => this.live.onRun(org, id, listener),
      onOutput: (dispatch, listener) => this.live.onOutput(org, dispatch, listener),
    };
  }
}
