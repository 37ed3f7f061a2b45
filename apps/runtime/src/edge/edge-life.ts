/** The order in which an edge comes up and goes down. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { ensureStream } from '@sallyport/bus/events';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/platform';
import type { Backend } from '../backends/backend.ts';
import type { RuntimeEnv } from '../config.ts';
import { MirrorDecisions } from '../output/mirror-decisions.ts';
import { BACKEND } from '../parts.ts';
import { Courier } from '../reports/courier.ts';
import { AdoptWorkloads } from '../workloads/adopt-workloads.ts';
import { CreateWorkload } from '../workloads/create-workload.ts';
import { EndWorkload } from '../workloads/end-workload.ts';
import { KeepWorkloads } from '../workloads/keep-workloads.ts';
import { SettleWorkload } from '../workloads/settle-workload.ts';
import { WorkloadBook } from '../workloads/workload-book.ts';
import { HoldLeases } from './hold-leases.ts';

/** A shutdown in all stays within what a service has to end in. */
const shutdownGraceMs = 1_000;
const shutdownSettleMs = 2_500;

const shutdown = {
  reason: 'stopped',
  why: 'edge_shutdown: the edge is shutting down',
  capture: true,
  grace: true,
} as const;

@Injectable()
export class EdgeLife implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly adopt: AdoptWorkloads,
    private readonly create: CreateWorkload,
    private readonly end: EndWorkload,
    private readonly keep: KeepWorkloads,
    private readonly settle: SettleWorkload,
    private readonly leases: HoldLeases,
    private readonly mirror: MirrorDecisions,
    private readonly courier: Courier,
    private readonly book: WorkloadBook,
    private readonly bus: Bus,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
    @Inject(CONFIG) private readonly env: RuntimeEnv,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.courier.beforeFinalReport(async ({ id }) => {
      const live = this.book.live(id);
      if (live?.access.held !== undefined) await live.sender.drained();
    });
    await Promise.all([ensureStream(this.bus, 'UNIT'), ensureStream(this.bus, 'RUNTIME'), this.mirror.start()]);
    await this.adopt.execute();
    await this.keep.sweep();
    void this.backend.warm();
    this.keep.start();
    this.leases.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.create.close();
    await this.leases.stop();
    if (this.env.SALLY_RUNTIME_SHUTDOWN === 'stop') await this.#endAll();
    this.keep.stop();
    this.mirror.stop();
    this.settle.close();
    await this.courier.close();
    for (const live of this.book.allLive())
      await live.close().catch((error: unknown) => this.log.warn({ error }, 'a tether did not close'));
    await this.backend.close();
  }

  /** What does not end in time stays journalled: the next process settles it. */
  async #endAll(): Promise<void> {
    const live = this.book.running().map(({ id }) => id);
    await Promise.all(live.map((id) => this.end.execute(id, shutdown)));
    const settled = this.settle.settled();
    await Promise.race([settled, sleep(shutdownGraceMs, undefined, { ref: false })]);
    await Promise.all(live.map((id) => this.end.execute(id, { ...shutdown, grace: false })));
    await Promise.race([settled, sleep(shutdownSettleMs - shutdownGraceMs, undefined, { ref: false })]);
  }
}
