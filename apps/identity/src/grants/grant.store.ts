/** Grants as rows. Every read tells too whether the person and the key are still what they were. */

import type { Db } from '@sallyport/store/store';
import { type GrantEvent, type GrantStateName, grantMachine } from './grant.machine.ts';
import type { Grant, TriggerKindName } from './grant.ts';

const counters = ['max_runs', 'max_per_day', 'used_runs', 'used_on_day'] as const;

type Row = Omit<Grant, (typeof counters)[number]> & Readonly<Record<(typeof counters)[number], string>>;

const grantOf = (row: Row): Grant => ({
  ...row,
  max_runs: Number(row.max_runs),
  max_per_day: Number(row.max_per_day),
  used_runs: Number(row.used_runs),
  used_on_day: Number(row.used_on_day),
});

/** `$1` is the present. */
const selection = `
  SELECT g.*, p.disabled, p.kind AS subject_kind,
         (k.revoked_at IS NOT NULL OR k.expires_at IS NOT NULL AND k.expires_at <= $1
          OR NOT k.scopes && ARRAY['*', 'run:create']) AS right_lost
  FROM trigger_grant g JOIN principal p ON p.id = g.subject JOIN api_key k ON k.id = g.key`;

/** One grant of the org of the transaction. */
export async function findGrant(db: Db, id: string, nowMs: number): Promise<Grant | undefined> {
  const [row] = await db.query<Row>(`${selection} WHERE g.id = $2`, [new Date(nowMs), id]);
  return row === undefined ? undefined : grantOf(row);
}

/** As `findGrant`, locked: another use and a revocation wait until this transaction is over. */
export async function lockGrant(db: Db, id: string, nowMs: number): Promise<Grant | undefined> {
  const [row] = await db.query<Row>(`${selection} WHERE g.id = $2 FOR UPDATE OF g FOR SHARE OF p, k`, [
    new Date(nowMs),
    id,
  ]);
  return row === undefined ? undefined : grantOf(row);
}

/** Grants of a trigger that start runs or whose runs may still live, locked; of one environment when one is named. */
export async function lockGrantsOf(
  db: Db,
  trigger: { readonly kind: string; readonly id: string },
  nowMs: number,
  environment?: string,
): Promise<Grant[]> {
  const rows = await db.query<Row>(
    `${selection} WHERE g.trigger_kind = $2 AND g.trigger_id = $3 AND g.state IN ('active', 'spent')
       AND ($4::text IS NULL OR g.environment = $4) ORDER BY g.id FOR UPDATE OF g`,
    [new Date(nowMs), trigger.kind, trigger.id, environment ?? null],
  );
  return rows.map(grantOf);
}

export interface GrantPage {
  readonly environment: string;
  readonly active: boolean;
  /** Only ids lower than this; empty for the newest. */
  readonly before: string;
  readonly limit: number;
}

/** Grants of an environment, newest first. */
export async function listGrants(db: Db, page: GrantPage, nowMs: number): Promise<Grant[]> {
  const rows = await db.query<Row>(
    `SELECT * FROM (${selection} WHERE g.environment = $2 AND ($3 = '' OR g.id < $3)) found
     WHERE NOT $4 OR state = 'active' AND expires_at > $1 AND NOT disabled AND NOT right_lost
     ORDER BY id DESC LIMIT $5`,
    [new Date(nowMs), page.environment, page.before, page.active, page.limit],
  );
  return rows.map(grantOf);
}

export interface NewGrant {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly key: string;
  readonly trigger: {
    readonly kind: TriggerKindName;
    readonly id: string;
    readonly name: string;
    readonly specHash: string;
  };
  readonly scopes: readonly string[];
  readonly mounts: Grant['mounts'];
  readonly maxRuns: number;
  readonly maxPerDay: number;
  readonly token: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export async function insertGrant(db: Db, grant: NewGrant): Promise<void> {
  const { trigger, createdAt, expiresAt } = grant;
  await db.query(
    `INSERT INTO trigger_grant (id, org, environment, subject, key, trigger_kind, trigger_id, trigger_name, spec_hash, scopes,
                                mounts, max_runs, max_per_day, state, token, created_at, changed_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'active', $14, $15, $15, $16)`,
    [
      grant.id,
      grant.org,
      grant.environment,
      grant.subject,
      grant.key,
      trigger.kind,
      trigger.id,
      trigger.name,
      trigger.specHash,
      grant.scopes,
      JSON.stringify(grant.mounts),
      grant.maxRuns,
      grant.maxPerDay,
      grant.token,
      new Date(createdAt),
      new Date(expiresAt),
    ],
  );
}

/** Counts one use of a locked grant and notes its run; the last use spends the grant. */
export async function recordUse(
  db: Db,
  grant: Grant,
  use: { readonly run: string; readonly day: string; readonly nowMs: number },
): Promise<void> {
  const at = new Date(use.nowMs);
  await db.query(
    `UPDATE trigger_grant SET used_runs = used_runs + 1, day = $2, used_on_day = CASE day WHEN $2 THEN used_on_day + 1 ELSE 1 END
     WHERE id = $1`,
    [grant.id, use.day],
  );
  await db.query('INSERT INTO grant_use (run, grant_id, org, used_at) VALUES ($1, $2, $3, $4)', [
    use.run,
    grant.id,
    grant.org,
    at,
  ]);
  if (grant.used_runs + 1 >= grant.max_runs) await moveGrant(db, grant, 'spend', { reason: 'spent', nowMs: use.nowMs });
}

/** The only way to a new state, for a locked grant. Answers undefined, and changes nothing, when there is no such move. */
export async function moveGrant(
  db: Db,
  grant: Pick<Grant, 'id' | 'state'>,
  event: GrantEvent,
  { reason, nowMs }: { readonly reason: string; readonly nowMs: number },
): Promise<GrantStateName | undefined> {
  const next = grantMachine.next(grant.state, event);
  if (next === undefined) return undefined;
  const moved = await db.query(
    'UPDATE trigger_grant SET state = $3, reason = $4, changed_at = $5 WHERE id = $1 AND state = $2 RETURNING id',
    [grant.id, grant.state, next, reason, new Date(nowMs)],
  );
  if (moved.length === 0) throw new Error(`grant ${grant.id} moved while it was locked`);
  return next;
}
