/** One file at a commit, as bytes of its object: no filter, no conversion, no symlink followed. */

import { Injectable } from '@nestjs/common';
import { badPath, fileUnknown } from '../faults.ts';
import { isStorablePath } from '../git/entry-name.ts';
import { WorkspaceReader } from '../workspaces/workspace-reader.ts';
import { parseTreeEntries, type TreeRow } from './tree-row.ts';

/** Bytes of one answer at most. */
const maxBytes = 512 * 1024;

export interface FileContent {
  readonly entry: TreeRow;
  readonly data: Buffer;
  readonly truncated: boolean;
}

@Injectable()
export class ReadFile {
  constructor(private readonly reader: WorkspaceReader) {}

  async execute(org: string, name: string, asked: { commit: string; path: string }): Promise<FileContent> {
    const { path } = asked;
    if (!isStorablePath(path)) throw badPath();
    const workspace = await this.reader.open(org, name);
    const commit = await workspace.commit(asked.commit);
    const listed = await workspace.git(['ls-tree', '-z', '-l', '--full-tree', commit, '--', path]);
    const entry = parseTreeEntries(listed.stdout, '').find((row) => row.path === path);
    if (listed.code !== 0 || entry === undefined || entry.mode === '040000' || entry.mode === '160000')
      throw fileUnknown();
    const { stdout, truncated } = await workspace.git(['cat-file', 'blob', entry.object], { outputBytes: maxBytes });
    return { entry, data: stdout, truncated };
  }
}
