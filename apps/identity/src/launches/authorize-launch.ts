/**
 * Records that the session's principal may have this unit run. The record, not the session, authorises every later attempt, so a
 * run outlives the five minutes of the session that asked for it.
 */

import { Injectable } from '@nestjs/common';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import {
  argumentInvalid,
  keyRevoked,
  launchEnded,
  launchTaken,
  principalDisabled,
  principalUnknown,
} from '../faults.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { attemptlessHash, checkSessionOwns, launchFacts } from './launch-facts.ts';
import { type AttemptOf, checkAttempt, mintAttempt } from './mint-attempt.ts';

/** A launch on record, and the intent token of its first attempt when one was asked for. */
export interface Authorized {
  readonly run: string;
  readonly intent: string;
}

interface Owner {
  readonly kind: 'user' | 'service';
  readonly disabled: boolean;
  readonly key_revoked: boolean;
}

@Injectable()
export class AuthorizeLaunch {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
  ) {}

  /**
   * The same unit under the same run again is not an error; another unit is. With an attempt, its intent token is answered too, in
   * the same step; a run that was authorised before gets its tokens by MintIntent.
   */
  async execute(session: SessionClaims, unit: Unit | undefined, attempt?: AttemptOf): Promise<Authorized> {
    if (unit === undefined) throw argumentInvalid('unit', 'present');
    checkSessionOwns(session, unit);
    if (attempt !== undefined) checkFirst(attempt);
    return this.store.tx(session.org, async (db) => {
      const owner = await ownerOf(db, session);
      const facts = launchFacts(unit, owner.kind);
      const hash = attemptlessHash(unit);
      const made = await db.query(
        `INSERT INTO launch (run, org, environment, subject, key, scopes, unit_hash, facts, state, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9) ON CONFLICT (run) DO NOTHING RETURNING run`,
        [
          unit.run,
          session.org,
          session.env,
          session.sub,
          session.key,
          session.scope,
          hash,
          JSON.stringify(facts),
          new Date(this.clock.now()),
        ],
      );
      if (made.length === 0) {
        await checkReplay(db, unit.run, hash);
        return { run: unit.run, intent: '' };
      }
      await enqueue(db, [this.event(session, unit.run, hash)]);
      if (attempt === undefined) return { run: unit.run, intent: '' };
      const { org, env: environment, sub: subject, key } = session;
      const launch = { run: unit.run, org, environment, subject, key, facts };
      const whole = { ...unit, dispatch: attempt.dispatch };
      return { run: unit.run, intent: await mintAttempt(db, this.keeper, this.clock, launch, whole, attempt) };
    });
  }

  private event(session: SessionClaims, run: string, envelope: string) {
    const where = { org: session.org, environment: session.env, subject: session.sub, run } as const;
    return auditRow(
      { kind: 'launch.authorized', outcome: 'allow', ...where, resource: `key/${session.key}`, hashes: { envelope } },
      this.clock,
    );
  }
}

/** A dispatch begins at epoch 1, so that its row can be there only once. */
function checkFirst(attempt: AttemptOf): void {
  checkAttempt(attempt);
  if (attempt.epoch !== 1) throw argumentInvalid('attempt.epoch', '1');
}

async function ownerOf(db: Db, session: SessionClaims): Promise<Owner> {
  const [owner] = await db.query<Owner>(
    `SELECT p.kind, p.disabled, k.revoked_at IS NOT NULL AS key_revoked
     FROM principal p JOIN api_key k ON k.principal = p.id WHERE p.id = $1 AND k.id = $2 FOR SHARE`,
    [session.sub, session.key],
  );
  if (owner === undefined) throw principalUnknown(session.sub);
  if (owner.disabled) throw principalDisabled(session.sub);
  if (owner.key_revoked) throw keyRevoked(session.key);
  return owner;
}

async function checkReplay(db: Db, run: string, hash: string): Promise<void> {
  const [known] = await db.query<{ unit_hash: string; state: string }>(
    'SELECT unit_hash, state FROM launch WHERE run = $1',
    [run],
  );
  // A run of another org conflicts without being visible: the same answer as for another unit.
  if (known?.unit_hash !== hash) throw launchTaken(run);
  if (known.state !== 'open') throw launchEnded(run);
}
