/** Who may call what of the workspace service. */

import type { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import type { AccessRow, AccessTable } from '@sallyport/core/access';

const read: AccessRow = { callers: ['api'], token: 'session', scope: 'workspace:read' };
const write: AccessRow = { callers: ['api'], token: 'session', scope: 'workspace:write' };
const edge: AccessRow = { callers: ['runtime'], token: 'dispatch' };
const upload: AccessRow = { callers: ['api', 'runtime'], token: 'session_or_dispatch', scope: 'workspace:write' };

export const workspaceAccess: AccessTable<typeof WorkspaceService> = {
  createWorkspace: write,
  getWorkspace: read,
  listWorkspaces: read,
  beginUpload: upload,
  writeUpload: upload,
  importWorkspace: write,
  listFiles: read,
  readFile: read,
  listCommits: read,
  getDiff: read,
  undoCommit: write,
  openDownload: read,
  readDownload: read,
  prepareMount: edge,
  readPack: edge,
  commitMount: edge,
  releaseMount: edge,
  // The scheduler has seen the run's end; the run's own token is dead by then.
  releaseRun: { callers: ['scheduler'], token: 'none' },
};
