/** Makes a workspace with one first commit, of the files given or of none. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { badName, badPath, tooLarge } from '../faults.ts';
import { isStorablePath } from '../git/entry-name.ts';
import { commitObject, type GitObject, objectId, type TreeEntry, treeObject } from '../git/object-bytes.ts';
import { writePack } from '../git/pack-file.ts';
import { GitCache } from '../packs/git-cache.ts';
import { FoundWorkspace } from './found-workspace.ts';
import type { WorkspaceRow } from './workspace.store.ts';

/** Bytes of the first files in all. */
const firstBytes = 256 * 1024;

@Injectable()
export class CreateWorkspace {
  constructor(
    private readonly cache: GitCache,
    private readonly found: FoundWorkspace,
    private readonly clock: Clock,
  ) {}

  async execute(
    session: SessionClaims,
    name: string,
    files: Readonly<Record<string, Uint8Array>>,
  ): Promise<WorkspaceRow> {
    if (!isSlug(name)) throw badName('the workspace');
    await this.found.assertFree(session.org, name);
    const objects = firstObjects(files, session, this.clock.now());
    return await this.cache.quarantine(undefined, async (quarantine) => {
      await writePack(quarantine.incoming, objects.all);
      const id = await quarantine.admit();
      const made = { name, branch: 'main', head: objects.commit, kind: 'workspace.create' as const };
      return await this.found.keep(session, made, { id, path: quarantine.incoming });
    });
  }
}

function firstObjects(
  files: Readonly<Record<string, Uint8Array>>,
  session: SessionClaims,
  at: number,
): { all: GitObject[]; commit: string } {
  const entries = Object.entries(files);
  const size = entries.reduce((sum, [, data]) => sum + data.length, 0);
  if (size > firstBytes) throw tooLarge('the first files', firstBytes);
  const blobs = entries.map(([path, data]) => {
    if (!isStorablePath(path)) throw badPath();
    return { parts: path.split('/'), object: { type: 'blob', data: Buffer.from(data) } as const };
  });
  const all = new Map<string, GitObject>();
  const add = (object: GitObject): string => {
    const oid = objectId(object);
    all.set(oid, object);
    return oid;
  };
  const tree = addTree(blobs, add);
  const author = { name: session.name, email: session.email };
  const message = `create workspace\n\nSally-Subject: ${session.sub}\n`;
  const commit = add(commitObject({ tree, parents: [], author, at, message }));
  return { all: [...all.values()], commit };
}

interface Placed {
  readonly parts: readonly string[];
  readonly object: GitObject;
}

function addTree(placed: readonly Placed[], add: (object: GitObject) => string): string {
  const entries: TreeEntry[] = [];
  const folders = new Map<string, Placed[]>();
  for (const { parts, object } of placed) {
    const [name = '', ...rest] = parts;
    if (rest.length === 0) entries.push({ mode: '100644', name, oid: add(object) });
    else folders.set(name, [...(folders.get(name) ?? []), { parts: rest, object }]);
  }
  for (const [name, below] of folders) {
    if (entries.some((entry) => entry.name === name)) throw badPath();
    entries.push({ mode: '40000', name, oid: addTree(below, add) });
  }
  return add(treeObject(entries));
}
