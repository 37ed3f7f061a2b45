/** Gives an edge what a mount needs: one fixed commit, the packs it lives in, and for rw the one lease. */

import { Inject, Injectable } from '@nestjs/common';
import { type Mount, MountMode } from '@sallyport/contracts/unit/v1/unit';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { CONFIG } from '@sallyport/service/start';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import type { WorkspaceConfig } from '../config.ts';
import { mountRefused } from '../faults.ts';
import { GitCache } from '../packs/git-cache.ts';
import type { StoredPack } from '../packs/pack-vault.ts';
import { findWorkspace, packsOf, type WorkspaceRow } from '../workspaces/workspace.store.ts';
import { OpenWorkspace } from '../workspaces/workspace-reader.ts';
import { actorsOf, assertCovered, type MountKind } from './mount-claim.ts';
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
    return { commit: row.head, tree: await workspace.tree(row.head), packs, lease };
  }

  async #grant(
    claims: DispatchClaims,
    name: string,
    mode: MountKind,
  ): Promise<{ row: WorkspaceRow; packs: readonly StoredPack[]; lease: string }> {
    const { org, env, sub, txn, tctx } = claims;
    return await this.store.tx(org, async (db) => {
      const row = await findWorkspace(db, org, name, mode === 'rw' ? 'FOR UPDATE OF w' : '');
      const lease = mode === 'rw' ? await takeLease(db, row, claims, this.clock.now(), this.#leaseMs) : '';
      const event = {
        kind: 'workspace.mount',
        org,
        environment: env,
        subject: sub,
        actors: actorsOf(claims),
        run: txn,
        dispatch: tctx.dsp.id,
        resource: `workspace/${name}`,
        outcome: 'allow',
        facts: { mode, commit: row.head, epoch: String(tctx.lease.epoch), ...(lease === '' ? {} : { lease }) },
      } as const;
      await enqueue(db, [auditRow(event, this.clock)]);
      return { row, packs: await packsOf(db, row), lease };
    });
  }
}

const kinds: Readonly<Record<MountMode, MountKind | undefined>> = {
  [MountMode.UNSPECIFIED]: undefined,
  [MountMode.RO]: 'ro',
  [MountMode.RW]: 'rw',
};
