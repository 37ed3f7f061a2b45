/** What can be downloaded of a workspace: the two halves of a smart-HTTP clone, and a bundle. */

import { Injectable } from '@nestjs/common';
import type { OpenDownloadRequest } from '@sallyport/contracts/workspace/v1/workspace';
import type { SessionClaims } from '@sallyport/core/claims';
import { badBundle, tooLarge } from '../faults.ts';
import { pointHead } from '../git/git-dir.ts';
import { WorkspaceReader } from '../workspaces/workspace-reader.ts';
import { type DownloadInit, Downloads } from './downloads.ts';
import { chunkBytes } from './uploads.ts';

type What = Pick<DownloadInit, 'args' | 'env' | 'input' | 'prefix' | 'toleratesFailure'>;

@Injectable()
export class OpenDownload {
  constructor(
    private readonly reader: WorkspaceReader,
    private readonly downloads: Downloads,
  ) {}

  async execute(session: SessionClaims, { workspace: name, what }: OpenDownloadRequest): Promise<string> {
    const workspace = await this.reader.open(session.org, name);
    const { branch, head } = workspace.row;
    await pointHead(workspace.gitDir, branch, head);
    const { org, sub: owner } = session;
    return this.downloads.open({ org, owner, gitDir: workspace.gitDir, ...wanted(what, workspace.gitDir, branch) });
  }
}

function wanted(what: OpenDownloadRequest['what'], gitDir: string, branch: string): What {
  switch (what.case) {
    case 'advertiseRefs': {
      const env = protocolEnv(what.value.protocol);
      // Protocol 2 answers with its capabilities alone; the older ones want the service named first (gitprotocol-http).
      const prefix =
        env['GIT_PROTOCOL'] === 'version=2' ? Buffer.alloc(0) : Buffer.from('001e# service=git-upload-pack\n0000');
      const args = ['upload-pack', '--stateless-rpc', '--http-backend-info-refs', '--strict', gitDir];
      return { args, env, prefix, toleratesFailure: false };
    }
    case 'uploadPack': {
      if (what.value.request.length > chunkBytes) throw tooLarge('the request', chunkBytes);
      const args = ['upload-pack', '--stateless-rpc', '--strict', '--timeout=60', gitDir];
      return { args, env: protocolEnv(what.value.protocol), input: what.value.request, toleratesFailure: true };
    }
    case 'bundle':
      return { args: ['bundle', 'create', '-q', '-', 'HEAD', `refs/heads/${branch}`], toleratesFailure: false };
    default:
      throw badBundle('nothing was asked for');
  }
}

/** The client's word reaches git only as one of the versions there are. */
function protocolEnv(protocol: string): Record<string, string> {
  const version = protocol.split(':').find((it) => it === 'version=1' || it === 'version=2');
  return version === undefined ? {} : { GIT_PROTOCOL: version };
}
