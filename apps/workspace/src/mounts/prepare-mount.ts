/** Gives an edge what a mount needs: one fixed commit, the packs it lives in, and for rw the one lease. */

import { Inject, Injectable } from '@nestjs/common';
import { type Mount, MountMode } from '@sallyport/contracts/unit/v1/unit';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { AuditClient } from '@sallyport/service/audit';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { WorkspaceConfig } from '../config.ts';
import { mountRefused } from '../faults.ts';
import { GitCache } from '../packs/git-cache.ts';
import type { StoredPack } from '../packs/pack-vault.ts';
import { findWorkspace, packsOf, type WorkspaceRow } from '../workspaces/workspace.store.ts';
import { OpenWorkspace } from '../workspaces/workspace-reader.ts';
import { assertCovered, eventOf, type MountKind } from './mount-claim.ts';
import { takeLease } from './mount-lease.store.ts';

export interface PreparedMount {
  readonly commit: string;
  readonly tree: string;
  readonly packs: readonly StoredPack[];
  /** Empty for ro. */
  readonly lease: string;
}

@Injectable()
export class PrepareMount {
  readonly #leaseMs: number;

  constructor(
    private readonly store: Store,
    private readonly cache: GitCache,
    private readonly clock: Clock,
    private readonly audit: AuditClient,
    @Inject(CONFIG) config: WorkspaceConfig,
  ) {
    this.#leaseMs = config.SALLY_MOUNT_LEASE_SECONDS * 1000;
  }

  async execute(claims: DispatchClaims, mount: Mount | undefined): Promise<PreparedMount> {
    const mode = mount === undefined ? undefined : kinds[mount.mode];
    if (mount === undefined || mode === undefined) throw mountRefused(mount?.workspace ?? '');
    assertCovered(claims, mount.workspace, mode);
    const { row, packs, lease } = await this.#grant(claims, mount.workspace, mode);
    const workspace = new OpenWorkspace(row, packs, await this.cache.ready(row, packs));
    // Nothing is handed out before the log has it; a lease that stays behind on a failure is the same dispatch's to ask for again.
    const [tree] = await Promise.all([workspace.tree(row.head), this.#record(claims, row, mode, lease)]);
    return { commit: row.head, tree, packs, lease };
  }

  #grant(
    claims: DispatchClaims,
    name: string,
    mode: MountKind,
  ): Promise<{ row: WorkspaceRow; packs: readonly StoredPack[]; lease: string }> {
    return this.store.tx(claims.org, async (db) => {
      const row = await findWorkspace(db, claims.org, name, mode === 'rw' ? 'FOR UPDATE OF w' : '');
      const lease = mode === 'rw' ? await takeLease(db, row, claims, this.clock.now(), this.#leaseMs) : '';
      return { row, packs: await packsOf(db, row), lease };
    });
  }

  #record(claims: DispatchClaims, row: WorkspaceRow, mode: MountKind, lease: string): Promise<void> {
    const epoch = String(claims.tctx.lease.epoch);
    const facts = { mode, commit: row.head, epoch, ...(lease === '' ? {} : { lease }) };
    return this.audit.append([{ kind: 'workspace.mount', ...eventOf(claims, row.name), outcome: 'allow', facts }]);
  }
}

const kinds: Readonly<Record<MountMode, MountKind | undefined>> = {
  [MountMode.UNSPECIFIED]: undefined,
  [MountMode.RO]: 'ro',
  [MountMode.RW]: 'rw',
};
