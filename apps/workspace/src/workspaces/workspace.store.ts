/** Rows of workspaces and their packs; the only door to a new state or head. */

import type { Db } from '@sallyport/store/store';
import { headMoved, illegalMove, workspaceUnknown } from '../faults.ts';
import type { KeyHolder, StoredPack } from '../packs/pack-vault.ts';
import { type WorkspaceMove, type WorkspaceStatus, workspaceMachine } from './workspace.machine.ts';

export interface WorkspaceRow extends KeyHolder {
  readonly state: WorkspaceStatus;
  readonly reason: string;
  readonly since: Date;
  readonly branch: string;
  readonly head: string;
  readonly version: string;
  /** Run that holds it rw; empty when nobody does. */
  readonly holder: string;
}

const columns = `w.org, w.name, w.state, w.reason, w.since, w.branch, w.head, w.version, w.wrapped_key AS "wrappedKey", coalesce(l.run, '') AS holder`;
const joined = 'workspace w LEFT JOIN mount_lease l ON l.org = w.org AND l.workspace = w.name AND l.ended_at IS NULL';

/** @throws Fault `workspace.unknown`, for another org's too. */
export async function findWorkspace(
  db: Db,
  org: string,
  name: string,
  lock: '' | 'FOR UPDATE OF w' = '',
): Promise<WorkspaceRow> {
  const [row] = await db.query<WorkspaceRow>(
    `SELECT ${columns} FROM ${joined} WHERE w.org = $1 AND w.name = $2 ${lock}`,
    [org, name],
  );
  if (row === undefined) throw workspaceUnknown(name);
  return row;
}

export const listWorkspaceRows = (db: Db, org: string, after: string, limit: number): Promise<WorkspaceRow[]> =>
  db.query(
    `SELECT ${columns} FROM ${joined} WHERE w.org = $1 AND w.name COLLATE "C" > $2 ORDER BY w.name COLLATE "C" LIMIT $3`,
    [org, after, limit],
  );

export interface NewWorkspace extends KeyHolder {
  readonly branch: string;
  readonly head: string;
  readonly at: Date;
}

/** Inserts a workspace whose content is stored already: what provisioning means has happened before there is a row. */
export async function insertWorkspace(db: Db, made: NewWorkspace, pack: StoredPack): Promise<WorkspaceRow> {
  const state = workspaceMachine.next('provisioning', 'ready');
  await db.query(
    `INSERT INTO workspace (org, name, state, reason, since, branch, head, wrapped_key) VALUES ($1, $2, $3, 'created', $4, $5, $6, $7)`,
    [made.org, made.name, state, made.at, made.branch, made.head, made.wrappedKey],
  );
  await insertPack(db, made, pack, made.at);
  return await findWorkspace(db, made.org, made.name);
}

const insertPack = (db: Db, { org, name }: KeyHolder, pack: StoredPack, at: Date): Promise<unknown> =>
  db.query(
    `INSERT INTO pack (org, workspace, id, size, object, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [org, name, pack.id, pack.size, pack.object, at],
  );

/** Oldest first. */
export async function packsOf(db: Db, { org, name }: { org: string; name: string }): Promise<StoredPack[]> {
  const rows = await db.query<{ id: string; size: string; object: string }>(
    'SELECT id, size, object FROM pack WHERE org = $1 AND workspace = $2 ORDER BY created_at, id',
    [org, name],
  );
  return rows.map((row) => ({ ...row, size: Number(row.size) }));
}

export async function findPack(db: Db, org: string, workspace: string, id: string): Promise<StoredPack | undefined> {
  const [row] = await db.query<{ id: string; size: string; object: string }>(
    'SELECT id, size, object FROM pack WHERE org = $1 AND workspace = $2 AND id = $3',
    [org, workspace, id],
  );
  return row === undefined ? undefined : { ...row, size: Number(row.size) };
}

/** Moves a workspace along its machine. */
export async function moveWorkspace(
  db: Db,
  row: WorkspaceRow,
  move: WorkspaceMove,
  reason: string,
  at: Date,
): Promise<void> {
  const state = workspaceMachine.next(row.state, move);
  if (state === undefined) throw illegalMove(row.name, row.state);
  const moved = await db.query(
    `UPDATE workspace SET state = $4, reason = $5, since = $6, version = version + 1
     WHERE org = $1 AND name = $2 AND version = $3 RETURNING version`,
    [row.org, row.name, row.version, state, reason, at],
  );
  if (moved.length === 0) throw headMoved(row.name);
}

/** Puts a new head on top of exactly the old one. @throws Fault `workspace.head_moved`. */
export async function advanceHead(
  db: Db,
  row: WorkspaceRow,
  head: string,
  pack: StoredPack,
  at: Date,
): Promise<WorkspaceRow> {
  await insertPack(db, row, pack, at);
  const moved = await db.query(
    'UPDATE workspace SET head = $4, version = version + 1 WHERE org = $1 AND name = $2 AND version = $3 RETURNING version',
    [row.org, row.name, row.version, head],
  );
  if (moved.length === 0) throw headMoved(row.name);
  return await findWorkspace(db, row.org, row.name);
}
