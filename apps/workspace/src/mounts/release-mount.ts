/** Ends leases: by their holder when it has captured, by the scheduler when it has seen the run's end. */

import { Injectable } from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { badName } from '../faults.ts';
import { findWorkspace } from '../workspaces/workspace.store.ts';
import { assertCovered } from './mount-claim.ts';
import { releaseLease, releaseRunLeases } from './mount-lease.store.ts';

@Injectable()
export class ReleaseMount {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** A lease that has ended already is not an error. */
  async execute(claims: DispatchClaims, workspace: string, lease: string): Promise<void> {
    assertCovered(claims, workspace, 'rw');
    await this.store.tx(claims.org, async (db) => {
      const row = await findWorkspace(db, claims.org, workspace, 'FOR UPDATE OF w');
      await releaseLease(db, row, lease, claims, new Date(this.clock.now()));
    });
  }

  /** A run that holds nothing is not an error. Returns the workspaces it held. */
  async ofRun(org: string, run: string): Promise<readonly string[]> {
    if (!isSlug(org)) throw badName('the org');
    return await this.store.tx(org, (db) => releaseRunLeases(db, org, run, new Date(this.clock.now())));
  }
}
