/** A unified diff between two commits, by git's built-in differ alone. */

import { Injectable } from '@nestjs/common';
import { gitFailed } from '../faults.ts';
import { type OpenWorkspace, WorkspaceReader } from '../workspaces/workspace-reader.ts';

/** Bytes of one answer at most. */
const maxBytes = 512 * 1024;
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

export interface Diff {
  readonly diff: string;
  readonly truncated: boolean;
}

@Injectable()
export class GetDiff {
  constructor(private readonly reader: WorkspaceReader) {}

  async execute(org: string, name: string, asked: { from: string; to: string }): Promise<Diff> {
    const workspace = await this.reader.open(org, name);
    const to = await workspace.commit(asked.to);
    const from = asked.from === '' ? await parentOf(workspace, to) : await workspace.commit(asked.from);
    const flags = [
      '-p',
      '-r',
      '--no-ext-diff',
      '--no-textconv',
      '--no-color',
      '--no-renames',
      '--ignore-submodules=none',
    ];
    const made = await workspace.git(['diff-tree', ...flags, from, to], { outputBytes: maxBytes });
    if (made.code !== 0 && !made.truncated) throw gitFailed('make a diff', made.stderr);
    return { diff: made.stdout.toString('utf8'), truncated: made.truncated };
  }
}

/** The first parent, or nothing at all for a first commit. */
async function parentOf(workspace: OpenWorkspace, commit: string): Promise<string> {
  const parent = await workspace.git(['rev-parse', '--verify', '--quiet', `${commit}^1`]);
  return parent.code === 0 ? parent.stdout.toString('latin1').trim() : emptyTree;
}
