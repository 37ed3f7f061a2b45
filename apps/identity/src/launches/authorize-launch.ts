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
import { Store } from '@sallyport/store/store';
import { argumentInvalid, identityMismatch } from '../faults.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { recordLaunch } from './launch.store.ts';
import { attemptlessHash, checkSessionOwns, launchFacts } from './launch-facts.ts';
import { type AttemptOf, checkAttempt, mintAttempt } from './mint-attempt.ts';
import { sessionOwner } from './session-owner.ts';

/** A launch on record, and the intent token of its first attempt when one was asked for. */
export interface Authorized {
  readonly run: string;
  readonly intent: string;
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
    // What a grant allows is judged by AuthorizeFiring; a session's run does not pass for one.
    if (unit.trigger?.grant) throw identityMismatch('trigger.grant');
    if (attempt !== undefined) checkFirst(attempt);
    return this.store.tx(session.org, async (db) => {
      const owner = await sessionOwner(db, session);
      const hash = attemptlessHash(unit);
      const { org, env: environment, sub: subject, key } = session;
      const facts = launchFacts(unit, { sub: subject, sub_profile: owner.kind });
      const launch = { run: unit.run, org, environment, subject, key, facts, grant: undefined };
      const made = await recordLaunch(db, { ...launch, scopes: session.scope, hash, nowMs: this.clock.now() });
      if (!made) return { run: unit.run, intent: '' };
      await enqueue(db, [this.event(session, unit.run, hash)]);
      if (attempt === undefined) return { run: unit.run, intent: '' };
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
