/** Launches and their attempts as rows. */

import type { Db } from '@sallyport/store/store';
import { keyRevoked, launchEnded, principalDisabled } from '../faults.ts';
import type { LaunchState } from './launch.machine.ts';
import type { LaunchFacts } from './launch-facts.ts';

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
}

/**
 * A launch with what may have changed about its principal and key, locked: a second mint, the end of the launch and a
 * revocation wait until this transaction is over.
 */
export async function lockLaunch(db: Db, org: string, run: string): Promise<Launch | undefined> {
  const [row] = await db.query<Launch>(
    `SELECT l.run, l.org, l.environment, l.subject, l.key, l.unit_hash, l.facts, l.state,
            p.disabled, k.revoked_at IS NOT NULL AS key_revoked, p.name, p.email
     FROM launch l JOIN principal p ON p.id = l.subject JOIN api_key k ON k.id = l.key
     WHERE l.org = $1 AND l.run = $2
     FOR UPDATE OF l FOR SHARE OF p, k`,
    [org, run],
  );
  return row;
}

/** Throws unless the launch may still have attempts. */
export function checkLive(launch: Launch): void {
  if (launch.state !== 'open') throw launchEnded(launch.run);
  if (launch.disabled) throw principalDisabled(launch.subject);
  if (launch.key_revoked) throw keyRevoked(launch.key);
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
