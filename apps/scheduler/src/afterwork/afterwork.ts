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
const maxBackoffMs = 60_000;

@Injectable()
export class AfterworkRunner {
  constructor(
    private readonly store: Store,
    private readonly rows: AfterworkStore,
    private readonly peers: Peers,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Does what is due; answers how much there was. */
  async sweep(): Promise<number> {
    const due = await this.store.system((db) => this.rows.claim(db, this.clock.now(), claimMs, batch));
    await Promise.all(due.map((work) => this.#do(work)));
    return due.length;
  }

  async #do(work: Afterwork): Promise<void> {
    try {
      await this.#tell(work.kind, work.org, work.run);
    } catch (error) {
      const fault = Fault.from(error);
      // What identity or workspace does not know needs no end.
      if (fault.code !== 'not_found') {
        this.log.warn(
          { run: work.run, kind: work.kind, tries: work.tries, reason: fault.reason },
          'an ended run could not be told; tried again',
        );
        const until = this.clock.now() + Math.min(maxBackoffMs, 500 * 2 ** Math.min(work.tries, 7));
        await this.store.tx(work.org, (db) => this.rows.postpone(db, work.id, until));
        return;
      }
    }
    await this.store.tx(work.org, (db) => this.rows.done(db, work.id));
  }

  async #tell(kind: AfterworkKind, org: string, run: string): Promise<void> {
    switch (kind) {
      case 'end_launch':
        await this.peers.identity.endLaunch({ org, run }, { timeoutMs: callMs });
        return;
      case 'release_run':
        await this.peers.workspace.releaseRun({ org, run }, { timeoutMs: callMs });
        return;
    }
  }
}
