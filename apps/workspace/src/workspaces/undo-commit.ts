/** Goes back behind a commit by a new one on top; nothing of the history is removed. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { headMoved, nothingToUndo, notUndoable, workspaceBusy } from '../faults.ts';
import { commitObject, objectId } from '../git/object-bytes.ts';
import { writePack } from '../git/pack-file.ts';
import { GitCache } from '../packs/git-cache.ts';
import { PackVault, type StoredPack } from '../packs/pack-vault.ts';
import { advanceHead, findWorkspace, type WorkspaceRow } from './workspace.store.ts';
import { type OpenWorkspace, WorkspaceReader } from './workspace-reader.ts';

interface Made {
  readonly commit: string;
  readonly undone: string;
  readonly stored: StoredPack;
}

@Injectable()
export class UndoCommit {
  constructor(
    private readonly reader: WorkspaceReader,
    private readonly cache: GitCache,
    private readonly vault: PackVault,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async execute(session: SessionClaims, name: string, asked: string): Promise<{ row: WorkspaceRow; commit: string }> {
    const workspace = await this.reader.open(session.org, name);
    assertFree(workspace.row);
    const undone = await workspace.commit(asked);
    const tree = await treeBefore(workspace, undone);
    const object = commitObject({
      tree,
      parents: [workspace.row.head],
      author: { name: session.name, email: session.email },
      at: this.clock.now(),
      message: `undo ${undone}\n\nSally-Subject: ${session.sub}\n`,
    });
    const commit = objectId(object);
    return await this.cache.quarantine(workspace.gitDir, async (quarantine) => {
      await writePack(quarantine.incoming, [object]);
      const id = await quarantine.admit();
      // A history may hold what its head, which was counted when it came, does not.
      await quarantine.checkExpanse(tree);
      const stored = await this.vault.put(workspace.row, id, quarantine.incoming);
      try {
        const row = await this.#commit(session, workspace.row, { commit, undone, stored });
        await this.cache.adopt(workspace.gitDir, id, quarantine.incoming, quarantine.incomingIndex);
        return { row, commit };
      } catch (error) {
        await this.vault.discard(stored);
        throw error;
      }
    });
  }

  async #commit(session: SessionClaims, seen: WorkspaceRow, made: Made): Promise<WorkspaceRow> {
    const { org, env, sub } = session;
    return await this.store.tx(org, async (db) => {
      const row = await findWorkspace(db, org, seen.name, 'FOR UPDATE OF w');
      assertFree(row);
      if (row.head !== seen.head) throw headMoved(row.name);
      const advanced = await advanceHead(db, row, made.commit, made.stored, new Date(this.clock.now()));
      const event = {
        kind: 'workspace.undo',
        org,
        environment: env,
        subject: sub,
        actors: [sub],
        resource: `workspace/${row.name}`,
        outcome: 'allow',
        facts: { commit: made.commit, undone: made.undone },
      } as const;
      await enqueue(db, [auditRow(event, this.clock)]);
      return advanced;
    });
  }
}

function assertFree(row: WorkspaceRow): void {
  if (row.holder !== '') throw workspaceBusy(row.name, row.holder);
}

/** Tree of the first parent, of a commit that the head descends from. */
async function treeBefore(workspace: OpenWorkspace, commit: string): Promise<string> {
  const inHistory = await workspace.git(['merge-base', '--is-ancestor', commit, workspace.row.head]);
  if (inHistory.code !== 0) throw notUndoable();
  const parent = await workspace.git(['rev-parse', '--verify', '--quiet', `${commit}^1^{tree}`]);
  if (parent.code !== 0) throw nothingToUndo();
  return parent.stdout.toString('latin1').trim();
}
