/** Tells identity and workspace about ended runs until they have heard. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { Store } from '@sallyport/store/store';
import { Peers } from '../peers.ts';
import { type Afterwork, type AfterworkKind, AfterworkStore } from './afterwork.store.ts';

const callMs = 4_000;
const claimMs = 10_000;
const batch = 32;

const backoffMs = (tries: number): number => Math.min(60_000, 500 * 2 ** Math.min(tries, 7));

@Injectable()
export class AfterworkRunner {
  constructor(
    private readonly store: Store,
    private readonly rows: AfterworkStore,
    private readonly peers: Peers,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Does what is due; answers whether there may be more. */
  async sweep(): Promise<boolean> {
    const due = await this.store.system((db) => this.rows.claim(db, this.clock.now(), claimMs, batch));
    if (due.length === 0) return false;
    const told = await Promise.all(due.map((work) => this.#attempt(work)));
    await this.store.system(async (db) => {
      await this.rows.done(
        db,
        told.flatMap(({ work, failed }) => (failed === undefined ? [work.id] : [])),
      );
      for (const { work, failed } of told)
        if (failed !== undefined) await this.rows.postpone(db, work.id, this.clock.now() + backoffMs(work.tries));
    });
    return due.length === batch;
  }

  async #attempt(work: Afterwork): Promise<{ work: Afterwork; failed: Fault | undefined }> {
    try {
      await this.#tell(work.kind, work.org, work.run);
      return { work, failed: undefined };
    } catch (error) {
      const fault = Fault.from(error);
      // What identity or workspace does not know needs no end.
      if (fault.code === 'not_found') return { work, failed: undefined };
      this.log.warn(
        { run: work.run, kind: work.kind, tries: work.tries, reason: fault.reason },
        'an ended run could not be told; tried again',
      );
      return { work, failed: fault };
    }
  }

  async #tell(kind: AfterworkKind, org: string, run: string): Promise<void> {
    switch (kind) {
      case 'end_launch':
        await this.peers.identity.endLaunch({ org, run }, { timeoutMs: callMs });
        return;
      case 'release_run':
        await this.peers.workspace.releaseRun({ org, run }, { timeoutMs: callMs });
        return;
      case 'end_schedule_grants':
        await this.peers.identity.endGrants({ org, kind: 'schedule', id: run }, { timeoutMs: callMs });
        return;
      case 'end_subscription_grants':
        await this.peers.identity.endGrants({ org, kind: 'subscription', id: run }, { timeoutMs: callMs });
        return;
    }
  }
}
