/** Rows to messages. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CommitSchema,
  type FileEntrySchema,
  type WorkspaceSchema,
  WorkspaceState,
} from '@sallyport/contracts/workspace/v1/workspace';
import type { CommitRow } from '../history/commit-row.ts';
import type { TreeRow } from '../history/tree-row.ts';
import type { WorkspaceStatus } from '../workspaces/workspace.machine.ts';
import type { WorkspaceRow } from '../workspaces/workspace.store.ts';

const states = {
  provisioning: WorkspaceState.PROVISIONING,
  idle: WorkspaceState.IDLE,
  busy: WorkspaceState.BUSY,
  stopping: WorkspaceState.STOPPING,
  stopped: WorkspaceState.STOPPED,
  failed: WorkspaceState.FAILED,
} as const satisfies Record<WorkspaceStatus, WorkspaceState>;

export const workspaceToWire = (row: WorkspaceRow): MessageInitShape<typeof WorkspaceSchema> => ({
  name: row.name,
  org: row.org,
  state: states[row.state],
  reason: row.reason,
  since: timestampFromDate(row.since),
  head: row.head,
  branch: row.branch,
  holder: row.holder,
  version: BigInt(row.version),
});

export const commitToWire = (row: CommitRow): MessageInitShape<typeof CommitSchema> => ({
  id: row.id,
  parents: [...row.parents],
  authorName: row.authorName,
  authorEmail: row.authorEmail,
  committerName: row.committerName,
  at: timestampFromMs(row.atSeconds * 1000),
  message: row.message,
});

export const entryToWire = (row: TreeRow): MessageInitShape<typeof FileEntrySchema> => ({
  path: row.path,
  mode: row.mode,
  object: row.object,
  size: row.size,
});
