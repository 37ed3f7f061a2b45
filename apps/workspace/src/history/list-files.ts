/** The tree at a commit, straight from git's objects. */

import { Injectable } from '@nestjs/common';
import { badPath, fileUnknown } from '../faults.ts';
import { isStorablePath } from '../git/entry-name.ts';
import { WorkspaceReader } from '../workspaces/workspace-reader.ts';
import { parseTreeEntries, type TreeRow } from './tree-row.ts';

/** Entries of one answer at most. */
const maxEntries = 10_000;
const maxBytes = 8 * 1024 * 1024;

export interface FileListing {
  readonly entries: readonly TreeRow[];
  readonly truncated: boolean;
}

@Injectable()
export class ListFiles {
  constructor(private readonly reader: WorkspaceReader) {}

  async execute(
    org: string,
    name: string,
    asked: { commit: string; path: string; recursive: boolean },
  ): Promise<FileListing> {
    const { path, recursive } = asked;
    if (path !== '' && !isStorablePath(path)) throw badPath();
    const workspace = await this.reader.open(org, name);
    const commit = await workspace.commit(asked.commit);
    const flags = recursive ? ['-r'] : [];
    const listed = await workspace.git(['ls-tree', '-z', '-l', '--full-tree', ...flags, `${commit}:${path}`], {
      outputBytes: maxBytes,
    });
    if (listed.code !== 0 && !listed.truncated) throw fileUnknown();
    const rows = parseTreeEntries(listed.stdout, path === '' ? '' : `${path}/`);
    return { entries: rows.slice(0, maxEntries), truncated: listed.truncated || rows.length > maxEntries };
  }
}
