/** Decode, call, encode. Every rule is in the command. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import type * as wire from '@sallyport/contracts/workspace/v1/workspace';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import { dispatchOf, sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { workspaceAccess } from '../access.ts';
import { GetDiff } from '../history/get-diff.ts';
import { ListCommits } from '../history/list-commits.ts';
import { ListFiles } from '../history/list-files.ts';
import { ReadFile } from '../history/read-file.ts';
import { CommitMount } from '../mounts/commit-mount.ts';
import { PrepareMount } from '../mounts/prepare-mount.ts';
import { ReadPack } from '../mounts/read-pack.ts';
import { ReleaseMount } from '../mounts/release-mount.ts';
import { BeginUpload } from '../transfers/begin-upload.ts';
import { Downloads } from '../transfers/downloads.ts';
import { OpenDownload } from '../transfers/open-download.ts';
import { Uploads } from '../transfers/uploads.ts';
import { CreateWorkspace } from '../workspaces/create-workspace.ts';
import { ImportWorkspace } from '../workspaces/import-workspace.ts';
import { ListWorkspaces } from '../workspaces/list-workspaces.ts';
import { UndoCommit } from '../workspaces/undo-commit.ts';
import { Denials } from './denials.ts';
import { ReadAudit } from './read-audit.ts';
import { commitToWire, entryToWire, workspaceToWire } from './wire.ts';

@BusController(WorkspaceService, workspaceAccess)
export class WorkspaceRpc implements Handlers<typeof WorkspaceService> {
  constructor(
    private readonly denials: Denials,
    private readonly reads: ReadAudit,
    private readonly create: CreateWorkspace,
    private readonly imports: ImportWorkspace,
    private readonly list: ListWorkspaces,
    private readonly undo: UndoCommit,
    private readonly begin: BeginUpload,
    private readonly uploads: Uploads,
    private readonly open: OpenDownload,
    private readonly downloads: Downloads,
    private readonly files: ListFiles,
    private readonly file: ReadFile,
    private readonly commits: ListCommits,
    private readonly diff: GetDiff,
    private readonly prepare: PrepareMount,
    private readonly pack: ReadPack,
    private readonly commit: CommitMount,
    private readonly release: ReleaseMount,
  ) {}

  createWorkspace({ name, files }: wire.CreateWorkspaceRequest, call: Call) {
    return this.denials.guard(call, 'CreateWorkspace', name, async () => ({
      workspace: workspaceToWire(await this.create.execute(sessionOf(call), name, files)),
    }));
  }

  getWorkspace({ name }: wire.GetWorkspaceRequest, call: Call) {
    return this.denials.guard(call, 'GetWorkspace', name, async () => ({
      workspace: workspaceToWire(await this.list.one(sessionOf(call).org, name)),
    }));
  }

  async listWorkspaces({ pageSize, pageToken }: wire.ListWorkspacesRequest, call: Call) {
    const { rows, next } = await this.list.execute(sessionOf(call).org, pageToken, pageSize);
    return { workspaces: rows.map(workspaceToWire), nextPageToken: next };
  }

  beginUpload({ size, sha256, workspace }: wire.BeginUploadRequest, call: Call) {
    return this.denials.guard(call, 'BeginUpload', workspace, async () => ({
      upload: await this.begin.execute(call, { size: Number(size), sha256, workspace }),
    }));
  }

  writeUpload({ upload, offset, data }: wire.WriteUploadRequest, call: Call) {
    return this.denials.guard(call, 'WriteUpload', '', async () => ({
      received: BigInt(await this.uploads.write(upload, this.begin.ownerOf(call), Number(offset), data)),
    }));
  }

  importWorkspace({ name, upload, ref }: wire.ImportWorkspaceRequest, call: Call) {
    return this.denials.guard(call, 'ImportWorkspace', name, async () => {
      const { row, objects } = await this.imports.execute(sessionOf(call), { name, upload, ref });
      return { workspace: workspaceToWire(row), objects };
    });
  }

  listFiles({ workspace, commit, path, recursive }: wire.ListFilesRequest, call: Call) {
    return this.denials.guard(call, 'ListFiles', workspace, async () => {
      const listing = await this.files.execute(sessionOf(call).org, workspace, { commit, path, recursive });
      return { entries: listing.entries.map(entryToWire), truncated: listing.truncated };
    });
  }

  readFile({ workspace, commit, path }: wire.ReadFileRequest, call: Call) {
    return this.denials.guard(call, 'ReadFile', workspace, async () => {
      const { entry, data, truncated } = await this.file.execute(sessionOf(call).org, workspace, { commit, path });
      await this.reads.record(sessionOf(call), workspace, 'file');
      return { entry: entryToWire(entry), data, truncated };
    });
  }

  listCommits({ workspace, from, pageSize }: wire.ListCommitsRequest, call: Call) {
    return this.denials.guard(call, 'ListCommits', workspace, async () => {
      const { commits, next } = await this.commits.execute(sessionOf(call).org, workspace, { from, pageSize });
      return { commits: commits.map(commitToWire), next };
    });
  }

  getDiff({ workspace, from, to }: wire.GetDiffRequest, call: Call) {
    return this.denials.guard(call, 'GetDiff', workspace, async () => {
      const diff = await this.diff.execute(sessionOf(call).org, workspace, { from, to });
      await this.reads.record(sessionOf(call), workspace, 'diff');
      return { ...diff };
    });
  }

  undoCommit({ workspace, commit }: wire.UndoCommitRequest, call: Call) {
    return this.denials.guard(call, 'UndoCommit', workspace, async () => {
      const undone = await this.undo.execute(sessionOf(call), workspace, commit);
      return { workspace: workspaceToWire(undone.row), commit: undone.commit };
    });
  }

  openDownload(request: wire.OpenDownloadRequest, call: Call) {
    return this.denials.guard(call, 'OpenDownload', request.workspace, async () => {
      await this.reads.record(sessionOf(call), request.workspace, request.what.case === 'bundle' ? 'bundle' : 'clone');
      return { download: await this.open.execute(sessionOf(call), request) };
    });
  }

  readDownload({ download }: wire.ReadDownloadRequest, call: Call) {
    return this.denials.guard(call, 'ReadDownload', '', async () => {
      const { org, sub: owner } = sessionOf(call);
      return { ...(await this.downloads.read(download, { org, owner })) };
    });
  }

  prepareMount({ mount }: wire.PrepareMountRequest, call: Call) {
    return this.denials.guard(call, 'PrepareMount', mount?.workspace ?? '', async () => {
      const { commit, tree, packs, lease } = await this.prepare.execute(dispatchOf(call), mount);
      return { commit, tree, lease, packs: packs.map(({ id, size }) => ({ id, size: BigInt(size) })) };
    });
  }

  readPack({ workspace, pack, offset }: wire.ReadPackRequest, call: Call) {
    return this.denials.guard(call, 'ReadPack', workspace, async () => ({
      ...(await this.pack.execute(dispatchOf(call), { workspace, pack, offset: Number(offset) })),
    }));
  }

  commitMount({ workspace, lease, tree, upload }: wire.CommitMountRequest, call: Call) {
    return this.denials.guard(call, 'CommitMount', workspace, async () => ({
      ...(await this.commit.execute(dispatchOf(call), { workspace, lease, tree, upload })),
    }));
  }

  releaseMount({ workspace, lease }: wire.ReleaseMountRequest, call: Call) {
    return this.denials.guard(call, 'ReleaseMount', workspace, async () => {
      await this.release.execute(dispatchOf(call), workspace, lease);
      return {};
    });
  }

  async releaseRun({ org, run }: wire.ReleaseRunRequest) {
    await this.release.ofRun(org, run);
    return {};
  }
}
