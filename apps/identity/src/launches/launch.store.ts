/** Launches and their attempts as rows. */

import type { Db } from '@sallyport/store/store';
import { grantExpired, grantRevoked, keyRevoked, launchEnded, launchTaken, principalDisabled } from '../faults.ts';
import type { GrantStateName } from '../grants/grant.machine.ts';
import { isExpired } from '../grants/grant.ts';
import type { LaunchState } from './launch.machine.ts';
import type { LaunchFacts } from './launch-facts.ts';

/** The grant a launch is on, as far as its attempts go. */
export interface LaunchGrant {
  readonly id: string;
  readonly state: GrantStateName;
  readonly reason: string;
  readonly expires_at: Date;
}

export interface Launch {
  readonly run: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly key: string;
  readonly unit_hash: string;
  readonly facts: LaunchFacts;
  readonly state: LaunchState;
  readonly disabled: boolean;
  readonly key_revoked: boolean;
  /** Author of the run's commits. */
  readonly name: string;
  readonly email: string;
  /** Undefined for a run that a person asked for by a session. */
  readonly grant: LaunchGrant | undefined;
}

export interface NewLaunch {
  readonly run: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly key: string;
  readonly scopes: readonly string[];
  /** Of the unit without its dispatch id. */
  readonly hash: string;
  readonly facts: LaunchFacts;
  /** Id of the grant it is on; undefined for a session's. */
  readonly grant: string | undefined;
  readonly nowMs: number;
}

/**
 * Records a launch. Answers false when this very one is recorded already; throws `identity.launch_taken` when the run was
 * authorised with another unit, and `identity.launch_ended` when it is over.
 */
export async function recordLaunch(db: Db, launch: NewLaunch): Promise<boolean> {
  const { run, org, environment, subject, key, scopes, hash, facts, grant, nowMs } = launch;
  const made = await db.query(
    `INSERT INTO launch (run, org, environment, subject, key, scopes, unit_hash, facts, state, created_at, grant_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10) ON CONFLICT (run) DO NOTHING RETURNING run`,
    [run, org, environment, subject, key, scopes, hash, JSON.stringify(facts), new Date(nowMs), grant ?? null],
  );
  if (made.length > 0) return true;
  const [known] = await db.query<{ unit_hash: string; state: string }>(
    'SELECT unit_hash, state FROM launch WHERE run = $1',
    [run],
  );
  // A run of another org conflicts without being visible: the same answer as for another unit.
  if (known?.unit_hash !== hash) throw launchTaken(run);
  if (known.state !== 'open') throw launchEnded(run);
  return false;
}

/**
 * A launch with what may have changed about its principal, key and grant, locked: a second mint, the end of the launch and a
 * revocation wait until this transaction is over.
 */
export async function lockLaunch(db: Db, org: string, run: string): Promise<Launch | undefined> {
  const [row] = await db.query<Omit<Launch, 'grant'> & { grant_id: string | null }>(
    `SELECT l.run, l.org, l.environment, l.subject, l.key, l.unit_hash, l.facts, l.state, l.grant_id,
            p.disabled, k.revoked_at IS NOT NULL AS key_revoked, p.name, p.email
     FROM launch l JOIN principal p ON p.id = l.subject JOIN api_key k ON k.id = l.key
     WHERE l.org = $1 AND l.run = $2
     FOR UPDATE OF l FOR SHARE OF p, k`,
    [org, run],
  );
  if (row === undefined) return undefined;
  const { grant_id: grant, ...launch } = row;
  return { ...launch, grant: grant === null ? undefined : await shareGrant(db, grant) };
}

async function shareGrant(db: Db, id: string): Promise<LaunchGrant> {
  const [row] = await db.query<LaunchGrant>(
    'SELECT id, state, reason, expires_at FROM trigger_grant WHERE id = $1 FOR SHARE',
    [id],
  );
  if (row === undefined) throw new Error(`grant ${id} of a launch is gone`);
  return row;
}

/** Throws unless the launch may still have attempts. A grant whose last run this is does not stand in its way. */
export function checkLive(launch: Launch, nowMs: number): void {
  if (launch.state !== 'open') throw launchEnded(launch.run);
  if (launch.disabled) throw principalDisabled(launch.subject);
  if (launch.key_revoked) throw keyRevoked(launch.key);
  const { grant } = launch;
  if (grant === undefined) return;
  if (grant.state === 'revoked' || grant.state === 'replaced') throw grantRevoked(grant.id, grant.reason);
  if (isExpired(grant, nowMs)) throw grantExpired(grant.id);
}

/** Seconds a token of the launch may live: as long as its class, and not beyond the end of its grant. */
export function tokenLifetime({ grant }: Pick<Launch, 'grant'>, longestSeconds: number, nowMs: number): number {
  if (grant === undefined) return longestSeconds;
  return Math.max(1, Math.min(longestSeconds, Math.floor((grant.expires_at.getTime() - nowMs) / 1_000)));
}

export interface Attempt {
  readonly dispatch: string;
  readonly epoch: number;
  readonly run: string;
  readonly edge: string;
  readonly jti: string;
  readonly envelope_hash: string;
  readonly burned: boolean;
}

/** The highest attempt of a dispatch; undefined before the first. */
export async function latestAttempt(db: Db, dispatch: string): Promise<Attempt | undefined> {
  const [row] = await db.query<Omit<Attempt, 'epoch'> & { epoch: string }>(
    `SELECT dispatch, epoch, run, edge, jti, envelope_hash, burned_at IS NOT NULL AS burned
     FROM attempt WHERE dispatch = $1 ORDER BY epoch DESC LIMIT 1`,
    [dispatch],
  );
  return row === undefined ? undefined : { ...row, epoch: Number(row.epoch) };
}
