/** Leases of rw mounts. At most one is live per workspace; a unique index holds that. */

import type { DispatchClaims } from '@sallyport/core/claims';
import { newId } from '@sallyport/core/ids';
import type { Db } from '@sallyport/store/store';
import { leaseLost, workspaceBusy } from '../faults.ts';
import { findWorkspace, moveWorkspace, type WorkspaceRow } from '../workspaces/workspace.store.ts';

export interface MountLease {
  readonly id: string;
  readonly run: string;
  readonly dispatch: string;
  readonly epoch: string;
  readonly expiresAt: Date;
  readonly base: string;
  /** Last commit made under it, its tree and its files; empty before the first. */
  readonly committed: string;
  readonly tree: string;
  readonly files: number;
}

type EndedBy = 'release' | 'run_end' | 'takeover' | 'expiry';

const columns = `id, run, dispatch, epoch, expires_at AS "expiresAt", base, committed, tree, files`;

async function liveLease(db: Db, row: WorkspaceRow): Promise<MountLease | undefined> {
  const [lease] = await db.query<MountLease>(
    `SELECT ${columns} FROM mount_lease WHERE org = $1 AND workspace = $2 AND ended_at IS NULL FOR UPDATE`,
    [row.org, row.name],
  );
  return lease;
}

const endLease = (db: Db, id: string, by: EndedBy, at: Date): Promise<unknown> =>
  db.query('UPDATE mount_lease SET ended_at = $2, ended_by = $3 WHERE id = $1', [id, at, by]);

/**
 * Takes the one lease of a workspace whose row is locked. The same dispatch and epoch gets the lease it has; a later epoch of the
 * same run, and anybody after the expiry, takes over.
 *
 * @throws Fault `workspace.busy`.
 */
export async function takeLease(
  db: Db,
  row: WorkspaceRow,
  claims: DispatchClaims,
  now: number,
  lifetimeMs: number,
): Promise<string> {
  const held = await liveLease(db, row);
  const { txn: run, tctx } = claims;
  const { id: dispatch } = tctx.dsp;
  const { epoch } = tctx.lease;
  const at = new Date(now);
  if (held !== undefined) {
    const heldEpoch = Number(held.epoch);
    if (held.run === run && held.dispatch === dispatch && heldEpoch === epoch) return held.id;
    const later = held.run === run && epoch > heldEpoch;
    if (!later && held.expiresAt.getTime() > now) throw workspaceBusy(row.name, held.run);
    await endLease(db, held.id, later ? 'takeover' : 'expiry', at);
  } else {
    await moveWorkspace(db, row, 'hold', 'mounted', at);
  }
  const id = newId('lease', now);
  await db.query(
    `INSERT INTO mount_lease (id, org, workspace, run, dispatch, epoch, base, taken_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [id, row.org, row.name, run, dispatch, epoch, row.head, at, new Date(now + lifetimeMs)],
  );
  return id;
}

/** The lease a token still holds; fenced by its id, its dispatch and its epoch. @throws Fault `workspace.lease_lost`. */
export async function assertLease(db: Db, row: WorkspaceRow, id: string, claims: DispatchClaims): Promise<MountLease> {
  const held = await liveLease(db, row);
  const own =
    held?.id === id &&
    held.run === claims.txn &&
    held.dispatch === claims.tctx.dsp.id &&
    Number(held.epoch) === claims.tctx.lease.epoch;
  if (held === undefined || !own) throw leaseLost(row.name);
  return held;
}

/** Notes a commit, so that the same one asked for again is answered and not made again. */
export const noteCommit = (db: Db, lease: string, commit: string, tree: string, files: number): Promise<unknown> =>
  db.query('UPDATE mount_lease SET committed = $2, tree = $3, files = $4 WHERE id = $1', [lease, commit, tree, files]);

/** Ends a lease of a locked workspace and frees the workspace; one that has ended already is not an error. */
export async function releaseLease(
  db: Db,
  row: WorkspaceRow,
  id: string,
  claims: DispatchClaims,
  at: Date,
): Promise<void> {
  const held = await liveLease(db, row);
  if (held?.id !== id || held.dispatch !== claims.tctx.dsp.id) return;
  await endLease(db, id, 'release', at);
  await moveWorkspace(db, row, 'release', 'released', at);
}

/** Ends every lease of a run. Returns the workspaces it held. */
export async function releaseRunLeases(db: Db, org: string, run: string, at: Date): Promise<readonly string[]> {
  const held = await db.query<{ workspace: string }>(
    'SELECT workspace FROM mount_lease WHERE org = $1 AND run = $2 AND ended_at IS NULL ORDER BY workspace',
    [org, run],
  );
  const freed: string[] = [];
  for (const { workspace } of held) {
    const row = await findWorkspace(db, org, workspace, 'FOR UPDATE OF w');
    const lease = await liveLease(db, row);
    if (lease?.run !== run) continue;
    await endLease(db, lease.id, 'run_end', at);
    await moveWorkspace(db, row, 'release', 'run_ended', at);
    freed.push(workspace);
  }
  return freed;
}
