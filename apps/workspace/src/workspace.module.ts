/** All wiring of the workspace service. */

import { Module } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import { openBucket } from '@sallyport/store/bucket';
import { RootKey } from '@sallyport/store/data-key';
import { bucketOf, type WorkspaceConfig } from './config.ts';
import { GetDiff } from './history/get-diff.ts';
import { ListCommits } from './history/list-commits.ts';
import { ListFiles } from './history/list-files.ts';
import { ReadFile } from './history/read-file.ts';
import { CommitMount } from './mounts/commit-mount.ts';
import { PrepareMount } from './mounts/prepare-mount.ts';
import { ReadPack } from './mounts/read-pack.ts';
import { ReleaseMount } from './mounts/release-mount.ts';
import { GitCache } from './packs/git-cache.ts';
import { BUCKET, PackVault } from './packs/pack-vault.ts';
import { Denials } from './rpc/denials.ts';
import { ReadAudit } from './rpc/read-audit.ts';
import { WorkspaceRpc } from './rpc/workspace.rpc.ts';
import { BeginUpload } from './transfers/begin-upload.ts';
import { Downloads } from './transfers/downloads.ts';
import { OpenDownload } from './transfers/open-download.ts';
import { Uploads } from './transfers/uploads.ts';
import { CreateWorkspace } from './workspaces/create-workspace.ts';
import { FoundWorkspace } from './workspaces/found-workspace.ts';
import { ImportWorkspace } from './workspaces/import-workspace.ts';
import { ListWorkspaces } from './workspaces/list-workspaces.ts';
import { UndoCommit } from './workspaces/undo-commit.ts';
import { WorkspaceReader } from './workspaces/workspace-reader.ts';

const bucket = {
  provide: BUCKET,
  inject: [CONFIG],
  useFactory: (config: WorkspaceConfig) => openBucket(bucketOf(config)),
};

const rootKey = {
  provide: RootKey,
  inject: [CONFIG],
  useFactory: (config: WorkspaceConfig) => RootKey.read(config.SALLY_ROOT_KEY_FILE),
};

@Module({
  controllers: [WorkspaceRpc],
  providers: [
    bucket,
    rootKey,
    PackVault,
    GitCache,
    Uploads,
    BeginUpload,
    Downloads,
    OpenDownload,
    WorkspaceReader,
    FoundWorkspace,
    CreateWorkspace,
    ImportWorkspace,
    ListWorkspaces,
    UndoCommit,
    ListFiles,
    ReadFile,
    ListCommits,
    GetDiff,
    PrepareMount,
    ReadPack,
    CommitMount,
    ReleaseMount,
    Denials,
    ReadAudit,
  ],
})
export class WorkspaceModule {}
