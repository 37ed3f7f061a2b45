/** Opens an upload for whoever the token says: a person's bundle, or a dispatch's pack for a workspace it may write. */

import { Injectable } from '@nestjs/common';
import { dispatchOf, sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { badName } from '../faults.ts';
import { assertCovered } from '../mounts/mount-claim.ts';
import { Uploads } from './uploads.ts';

@Injectable()
export class BeginUpload {
  constructor(private readonly uploads: Uploads) {}

  async execute(call: Call, init: { size: number; sha256: string; workspace: string }): Promise<string> {
    const { size, sha256, workspace } = init;
    if (call.claims?.class === 'dispatch') assertCovered(dispatchOf(call), workspace, 'rw');
    else if (workspace !== '') throw badName('the workspace of an import');
    return await this.uploads.begin({ ...this.ownerOf(call), workspace }, size, sha256);
  }

  ownerOf(call: Call): { org: string; owner: string } {
    if (call.claims?.class === 'dispatch') {
      const { org, tctx } = dispatchOf(call);
      return { org, owner: tctx.dsp.id };
    }
    const { org, sub } = sessionOf(call);
    return { org, owner: sub };
  }
}
