/** The platform's commit of a rw mount: checked objects, one commit in the principal's name, a new head on exactly the old one. */

import { Injectable } from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { badCommit, headMoved, objectsRefused } from '../faults.ts';
import { isStorablePath } from '../git/entry-name.ts';
import { isObjectId } from '../git/git-dir.ts';
import { commitObject, type GitObject, objectId } from '../git/object-bytes.ts';
import { writePack } from '../git/pack-file.ts';
import type { Quarantine } from '../git/quarantine.ts';
import { GitCache } from '../packs/git-cache.ts';
import { PackVault, type StoredPack } from '../packs/pack-vault.ts';
import { Uploads } from '../transfers/uploads.ts';
import { advanceHead, findWorkspace } from '../workspaces/workspace.store.ts';
import { type OpenWorkspace, WorkspaceReader } from '../workspaces/workspace-reader.ts';
import { assertCovered, eventOf } from './mount-claim.ts';
import { assertLease, type MountLease, noteCommit } from './mount-lease.store.ts';

export interface CommitInit {
  readonly workspace: string;
  readonly lease: string;
  readonly tree: string;
  /** Empty when the tree needs no object that the workspace lacks. */
  readonly upload: string;
}

export interface MadeCommit {
  /** Empty when nothing changed. */
  readonly commit: string;
  readonly files: number;
}

@Injectable()
export class CommitMount {
  constructor(
    private readonly reader: WorkspaceReader,
    private readonly cache: GitCache,
    private readonly vault: PackVault,
    private readonly uploads: Uploads,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async execute(claims: DispatchClaims, init: CommitInit): Promise<MadeCommit> {
    const { workspace: name, tree, upload } = init;
    assertCovered(claims, name, 'rw');
    if (!isObjectId(tree)) throw badCommit(tree);
    const workspace = await this.reader.open(claims.org, name);
    const lease = await this.#held(claims, init);
    if (lease.tree === tree) return { commit: lease.committed, files: lease.files };
    if ((await workspace.tree(workspace.row.head)) === tree) return { commit: '', files: 0 };
    const commit = commitObject({
      tree,
      parents: [workspace.row.head],
      author: claims.tctx.author,
      at: this.clock.now(),
      message: messageOf(claims),
    });
    if (upload === '') return await this.#make(claims, init, workspace, commit);
    const owner = { org: claims.org, owner: claims.tctx.dsp.id, workspace: name };
    return await this.uploads.consume(upload, owner, (path) => this.#make(claims, init, workspace, commit, path));
  }

  #held(claims: DispatchClaims, { workspace, lease }: CommitInit): Promise<MountLease> {
    return this.store.tx(claims.org, async (db) =>
      assertLease(db, await findWorkspace(db, claims.org, workspace), lease, claims),
    );
  }

  /** Puts the commit beside the uploaded objects, so that one strict check covers all links from it down. */
  #make(
    claims: DispatchClaims,
    init: CommitInit,
    workspace: OpenWorkspace,
    object: GitObject,
    uploaded?: string,
  ): Promise<MadeCommit> {
    return this.cache.quarantine(workspace.gitDir, async (quarantine) => {
      await writePack(quarantine.incoming, [object], uploaded);
      const id = await quarantine.admit();
      const commit = objectId(object);
      // Sealing is the slowest step and changes nothing that counts, so it does not wait for the other checks.
      const sealing = this.vault.put(workspace.row, id, quarantine.incoming);
      const checks = Promise.all([changedFiles(quarantine, workspace.row.head, commit), quarantine.checkSizes()]);
      const [checked, sealed] = await Promise.allSettled([checks, sealing]);
      if (sealed.status === 'rejected') throw sealed.reason;
      const stored = sealed.value;
      let files: number;
      try {
        if (checked.status === 'rejected') throw checked.reason;
        [files] = checked.value;
        await this.#advance(claims, init, { seen: workspace.row.head, commit, files, stored });
      } catch (error) {
        await this.vault.discard(stored);
        throw error;
      }
      await this.cache.adopt(workspace.gitDir, id, quarantine.incoming, quarantine.incomingIndex);
      return { commit, files };
    });
  }

  #advance(
    claims: DispatchClaims,
    init: CommitInit,
    made: { seen: string; commit: string; files: number; stored: StoredPack },
  ): Promise<void> {
    return this.store.tx(claims.org, async (db) => {
      const row = await findWorkspace(db, claims.org, init.workspace, 'FOR UPDATE OF w');
      const lease = await assertLease(db, row, init.lease, claims);
      const expected = lease.committed === '' ? lease.base : lease.committed;
      if (row.head !== expected || row.head !== made.seen) throw headMoved(row.name);
      await advanceHead(db, row, made.commit, made.stored, new Date(this.clock.now()));
      await noteCommit(db, lease.id, made.commit, init.tree, made.files);
      const event = {
        kind: 'workspace.commit',
        ...eventOf(claims, row.name),
        outcome: 'allow',
        facts: { commit: made.commit, tree: init.tree, parent: row.head, files: String(made.files), lease: lease.id },
      } as const;
      await enqueue(db, [auditRow(event, this.clock)]);
    });
  }
}

function messageOf(claims: DispatchClaims): string {
  const { role, profile, dsp } = claims.tctx;
  const trailers = [`Sally-Run: ${claims.txn}`, `Sally-Dispatch: ${dsp.id}`, `Sally-Subject: ${claims.sub}`];
  return `run ${claims.txn}: ${role === '' ? profile : role}\n\n${trailers.join('\n')}\n`;
}

/** How many files differ from the parent; a path that must not be in a tree refuses the commit, whatever git thinks of it. */
async function changedFiles(quarantine: Quarantine, from: string, to: string): Promise<number> {
  const listed = await quarantine.git(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to]);
  if (listed.code !== 0) throw objectsRefused('links', listed.stderr);
  const paths = listed.stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '');
  if (!paths.every(isStorablePath)) throw objectsRefused('names');
  return paths.length;
}
