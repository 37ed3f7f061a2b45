/** The log, read from the commit objects themselves: no mailmap, no signature program, no format of the workspace. */

import { Injectable } from '@nestjs/common';
import { gitFailed } from '../faults.ts';
import { WorkspaceReader } from '../workspaces/workspace-reader.ts';
import { type CommitRow, parseCommits } from './commit-row.ts';

const defaultPage = 50;
const maxPage = 200;

export interface CommitPage {
  readonly commits: readonly CommitRow[];
  /** Commit to go on from; empty at the end. */
  readonly next: string;
}

@Injectable()
export class ListCommits {
  constructor(private readonly reader: WorkspaceReader) {}

  async execute(org: string, name: string, asked: { from: string; pageSize: number }): Promise<CommitPage> {
    const workspace = await this.reader.open(org, name);
    const from = await workspace.commit(asked.from);
    const size = Math.min(maxPage, asked.pageSize > 0 ? asked.pageSize : defaultPage);
    // Along first parents, so that one commit is enough to go on from.
    const listed = await workspace.read('read the log', [
      'rev-list',
      '--first-parent',
      `--max-count=${size + 1}`,
      from,
    ]);
    const ids = listed
      .toString('latin1')
      .split('\n')
      .filter((id) => id !== '');
    const shown = ids.slice(0, size);
    const objects = await workspace.git(['cat-file', '--batch'], { input: shown.map((id) => `${id}\n`).join('') });
    if (objects.code !== 0) throw gitFailed('read the log', objects.stderr);
    return { commits: parseCommits(objects.stdout), next: ids[size] ?? '' };
  }
}
