/** Every reason this service refuses or fails for; docs/faults/workspace.md says what to do about each. */

import { Fault } from '@sallyport/core/fault';

export const workspaceUnknown = (workspace: string): Fault =>
  new Fault('not_found', 'workspace.unknown', `there is no workspace ${workspace}; see: sally workspace ls`, {
    workspace,
  });

export const workspaceExists = (workspace: string): Fault =>
  new Fault('already_exists', 'workspace.exists', `workspace ${workspace} exists; choose another name`, { workspace });

export const badName = (what: string): Fault =>
  new Fault(
    'invalid_argument',
    'workspace.name',
    `${what} is not a name: lower-case letters, digits and dashes, at most 63`,
    { what },
  );

export const badPath = (): Fault =>
  new Fault(
    'invalid_argument',
    'workspace.path',
    'the path must be relative, without empty, `.`, `..` or `.git` parts',
  );

export const badCommit = (commit: string): Fault =>
  new Fault(
    'not_found',
    'workspace.commit_unknown',
    'the workspace has no such commit; take the full id from its log',
    {
      commit: commit.slice(0, 64),
    },
  );

export const fileUnknown = (): Fault =>
  new Fault(
    'not_found',
    'workspace.file_unknown',
    'there is no such path at that commit; list the files of the commit',
  );

export const tooLarge = (what: string, limit: number): Fault =>
  new Fault('resource_exhausted', 'workspace.too_large', `${what} is over the limit of ${limit}; send less`, {
    what,
    limit: String(limit),
  });

export const objectsRefused = (check: string, cause?: string): Fault =>
  new Fault(
    'invalid_argument',
    'workspace.objects_refused',
    `the objects fail the check for ${check}; repair the repository (git fsck --strict names the object) and send it again`,
    { check },
    cause === undefined ? {} : { cause: new Error(cause) },
  );

export const badBundle = (problem: string): Fault =>
  new Fault(
    'invalid_argument',
    'workspace.bundle',
    `this is no complete git bundle (${problem}); make it with: git bundle create FILE HEAD`,
    {
      problem,
    },
  );

export const refUnknown = (refs: string): Fault =>
  new Fault('invalid_argument', 'workspace.ref_unknown', `the bundle has no such ref; it has ${refs}`, { refs });

export const uploadUnknown = (): Fault =>
  new Fault(
    'not_found',
    'workspace.upload_unknown',
    'there is no such upload; it ended, or the service was restarted: begin it again',
  );

export const uploadOffset = (received: number): Fault =>
  new Fault(
    'failed_precondition',
    'workspace.upload_offset',
    `the chunk does not join on; go on from byte ${received}`,
    {
      received: String(received),
    },
  );

export const uploadIncomplete = (received: number): Fault =>
  new Fault(
    'failed_precondition',
    'workspace.upload_incomplete',
    'bytes of the upload are missing; send the rest first',
    {
      received: String(received),
    },
  );

export const uploadDamaged = (): Fault =>
  new Fault(
    'invalid_argument',
    'workspace.upload_damaged',
    'the bytes do not have the SHA-256 that was announced; send them again',
  );

export const downloadUnknown = (): Fault =>
  new Fault(
    'not_found',
    'workspace.download_unknown',
    'there is no such download; it ended, or waited too long: open it again',
  );

export const downloadFailed = (cause: string): Fault =>
  new Fault(
    'internal',
    'workspace.download_failed',
    'the download broke off; open it again',
    {},
    { cause: new Error(cause) },
  );

export const tooManyTransfers = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'workspace.transfers',
    `more than ${limit} uploads and downloads at once; wait for one to end`,
    {
      limit: String(limit),
    },
  );

export const mountRefused = (workspace: string): Fault =>
  new Fault(
    'permission_denied',
    'workspace.mount_refused',
    `the dispatch token does not cover this use of ${workspace}`,
    { workspace },
  );

export const workspaceBusy = (workspace: string, holder: string): Fault =>
  new Fault('failed_precondition', 'workspace.busy', `${holder} holds ${workspace} for writing; wait for its end`, {
    workspace,
    holder,
  });

export const leaseLost = (workspace: string): Fault =>
  new Fault(
    'failed_precondition',
    'workspace.lease_lost',
    `this lease of ${workspace} has ended; what was not committed is not taken`,
    {
      workspace,
    },
  );

export const headMoved = (workspace: string): Fault =>
  new Fault('aborted', 'workspace.head_moved', `the head of ${workspace} moved meanwhile; read it and try again`, {
    workspace,
  });

export const nothingToUndo = (): Fault =>
  new Fault('failed_precondition', 'workspace.nothing_to_undo', 'the commit has no parent to go back to');

export const notUndoable = (): Fault =>
  new Fault(
    'failed_precondition',
    'workspace.not_undoable',
    'undo goes back from the head; the commit is not in the history of the head',
  );

export const objectDamaged = (workspace: string, cause?: unknown): Fault =>
  new Fault(
    'internal',
    'workspace.object_damaged',
    `a stored pack of ${workspace} is missing or altered; nothing of it is served, restore the bucket from a backup`,
    { workspace },
    { cause },
  );

export const gitFailed = (step: string, cause: string): Fault =>
  new Fault(
    'internal',
    'workspace.git',
    `git could not ${step}; the log has its words`,
    { step },
    { cause: new Error(cause.slice(0, 2000)) },
  );

export const illegalMove = (workspace: string, state: string): Fault =>
  new Fault('failed_precondition', 'workspace.state', `${workspace} is ${state}, which does not allow this`, {
    workspace,
    state,
  });
