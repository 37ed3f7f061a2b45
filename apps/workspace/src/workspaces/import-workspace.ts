/** Makes a workspace of a git bundle after a strict check of every object of the branch it takes. */

import { createReadStream } from 'node:fs';
import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { isSlug } from '@sallyport/core/ids';
import { badBundle, badName } from '../faults.ts';
import { type BundleHeader, chooseRef, headerBytes, parseBundle } from '../git/bundle.ts';
import { copyFrom, countObjects } from '../git/pack-file.ts';
import { GitCache } from '../packs/git-cache.ts';
import { Uploads } from '../transfers/uploads.ts';
import { FoundWorkspace } from './found-workspace.ts';
import type { WorkspaceRow } from './workspace.store.ts';

@Injectable()
export class ImportWorkspace {
  constructor(
    private readonly cache: GitCache,
    private readonly found: FoundWorkspace,
    private readonly uploads: Uploads,
  ) {}

  async execute(
    session: SessionClaims,
    init: { name: string; upload: string; ref: string },
  ): Promise<{ row: WorkspaceRow; objects: number }> {
    const { name, upload, ref } = init;
    if (!isSlug(name)) throw badName('the workspace');
    await this.found.assertFree(session.org, name);
    return await this.uploads.consume(upload, { org: session.org, owner: session.sub, workspace: '' }, (path) =>
      this.cache.quarantine(undefined, async (quarantine) => {
        const header = await headerOf(path);
        const chosen = chooseRef(header, ref);
        await copyFrom(path, header.packAt, quarantine.incoming);
        await quarantine.admit();
        await quarantine.checkSizes();
        const peeled = await quarantine.git(['rev-parse', '--verify', '--end-of-options', `${chosen.oid}^{commit}`]);
        const head = peeled.stdout.toString('latin1').trim();
        if (peeled.code !== 0 || head === '') throw badBundle('the ref is no commit');
        await quarantine.checkExpanse(head);
        await quarantine.checkPaths(head);
        const pack = await quarantine.repack(head);
        const objects = await countObjects(pack.path);
        const row = await this.found.keep(
          session,
          { name, branch: chosen.branch, head, kind: 'workspace.import' },
          pack,
        );
        return { row, objects };
      }),
    );
  }
}

async function headerOf(path: string): Promise<BundleHeader> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: headerBytes - 1 })) chunks.push(chunk as Buffer);
  return parseBundle(Buffer.concat(chunks));
}
