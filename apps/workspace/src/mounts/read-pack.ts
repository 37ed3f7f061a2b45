/** A chunk of a pack to an edge whose token names the workspace; every byte is authenticated before it leaves. */

import { Injectable } from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Store } from '@sallyport/store/store';
import { fileUnknown } from '../faults.ts';
import { PackVault } from '../packs/pack-vault.ts';
import { chunkBytes } from '../transfers/uploads.ts';
import { findPack, findWorkspace } from '../workspaces/workspace.store.ts';
import { assertCovered } from './mount-claim.ts';

@Injectable()
export class ReadPack {
  constructor(
    private readonly store: Store,
    private readonly vault: PackVault,
  ) {}

  async execute(
    claims: DispatchClaims,
    asked: { workspace: string; pack: string; offset: number },
  ): Promise<{ data: Buffer; end: boolean }> {
    const { workspace: name, pack: id, offset } = asked;
    assertCovered(claims, name, 'ro');
    const { row, pack } = await this.store.tx(claims.org, async (db) => ({
      row: await findWorkspace(db, claims.org, name),
      pack: await findPack(db, claims.org, name, id),
    }));
    if (pack === undefined || offset < 0) throw fileUnknown();
    const data = await this.vault.read(row, pack, offset, chunkBytes);
    return { data, end: offset + data.length >= pack.size };
  }
}
