/** The last step of create and import: checked objects become a workspace, or leave nothing. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { isUniqueViolation, Store } from '@sallyport/store/store';
import { workspaceExists } from '../faults.ts';
import { PackVault } from '../packs/pack-vault.ts';
import { insertWorkspace, type WorkspaceRow } from './workspace.store.ts';

export interface FoundingInit {
  readonly name: string;
  readonly branch: string;
  readonly head: string;
  readonly kind: 'workspace.create' | 'workspace.import';
}

@Injectable()
export class FoundWorkspace {
  constructor(
    private readonly store: Store,
    private readonly vault: PackVault,
    private readonly clock: Clock,
  ) {}

  /** Says early what the insert would say late. @throws Fault `workspace.exists`. */
  async assertFree(org: string, name: string): Promise<void> {
    const taken = await this.store.tx(org, (db) =>
      db.query('SELECT 1 FROM workspace WHERE org = $1 AND name = $2', [org, name]),
    );
    if (taken.length > 0) throw workspaceExists(name);
  }

  /** Stores the pack, then the row and its audit event at once. */
  async keep(session: SessionClaims, init: FoundingInit, pack: { id: string; path: string }): Promise<WorkspaceRow> {
    const { org, env, sub } = session;
    const { name, branch, head, kind } = init;
    const holder = { org, name, wrappedKey: this.vault.createKey(org, name) };
    const stored = await this.vault.put(holder, pack.id, pack.path);
    try {
      return await this.store.tx(org, async (db) => {
        const row = await insertWorkspace(db, { ...holder, branch, head, at: new Date(this.clock.now()) }, stored);
        const resource = `workspace/${name}`;
        await enqueue(db, [
          auditRow(
            { kind, org, environment: env, subject: sub, actors: [sub], resource, outcome: 'allow', facts: { head } },
            this.clock,
          ),
        ]);
        return row;
      });
    } catch (error) {
      await this.vault.discard(stored);
      throw isUniqueViolation(error, 'workspace_pkey') ? workspaceExists(name) : error;
    }
  }
}
