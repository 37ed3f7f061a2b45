/** A workspace at hand: its row and a git-dir with every object of it. */

import { Injectable } from '@nestjs/common';
import { cleanGit, type GitOutcome, type GitRun } from '@sallyport/store/clean-git';
import { Store } from '@sallyport/store/store';
import { badCommit, gitFailed } from '../faults.ts';
import { isObjectId } from '../git/git-dir.ts';
import { GitCache } from '../packs/git-cache.ts';
import type { StoredPack } from '../packs/pack-vault.ts';
import { findWorkspace, packsOf, type WorkspaceRow } from './workspace.store.ts';

const trees = new Map<string, string>();
const maxTrees = 10_000;

export class OpenWorkspace {
  readonly row: WorkspaceRow;
  readonly packs: readonly StoredPack[];
  readonly gitDir: string;

  constructor(row: WorkspaceRow, packs: readonly StoredPack[], gitDir: string) {
    this.row = row;
    this.packs = packs;
    this.gitDir = gitDir;
  }

  git(args: readonly string[], more: Partial<GitRun> = {}): Promise<GitOutcome> {
    return cleanGit({ ...more, gitDir: this.gitDir, args });
  }

  /** Output of a step that must not fail. @throws Fault `workspace.git`. */
  async read(step: string, args: readonly string[], more: Partial<GitRun> = {}): Promise<Buffer> {
    const done = await this.git(args, more);
    if (done.code !== 0) throw gitFailed(step, done.stderr);
    return done.stdout;
  }

  /** The full id of a commit of this workspace; empty means the head. @throws Fault `workspace.commit_unknown`. */
  async commit(asked: string): Promise<string> {
    if (asked === '') return this.row.head;
    if (!isObjectId(asked)) throw badCommit(asked);
    if (asked === this.row.head) return asked;
    const found = await this.git(['cat-file', '-t', asked]);
    if (found.stdout.toString('latin1').trim() !== 'commit') throw badCommit(asked);
    return asked;
  }

  /** Root tree of a commit that the workspace has; a commit's tree never changes, so it is asked of git once. */
  async tree(commit: string): Promise<string> {
    const known = trees.get(commit);
    if (known !== undefined) return known;
    const tree = (await this.read('find a tree', ['rev-parse', `${commit}^{tree}`])).toString('latin1').trim();
    if (trees.size >= maxTrees) trees.clear();
    trees.set(commit, tree);
    return tree;
  }
}

@Injectable()
export class WorkspaceReader {
  constructor(
    private readonly store: Store,
    private readonly cache: GitCache,
  ) {}

  /** @throws Fault `workspace.unknown` or `workspace.object_damaged`. */
  async open(org: string, name: string): Promise<OpenWorkspace> {
    const { row, packs } = await this.store.tx(org, async (db) => {
      const found = await findWorkspace(db, org, name);
      return { row: found, packs: await packsOf(db, found) };
    });
    return new OpenWorkspace(row, packs, await this.cache.ready(row, packs));
  }
}
