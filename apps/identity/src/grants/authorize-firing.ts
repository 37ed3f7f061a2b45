/**
 * Records that a unit may run on a grant, and counts it. The grant's row is locked for the whole decision, so that of any number of
 * callers racing for the last run one gets it. A refusal is committed to the log before it is said.
 */

import { Injectable } from '@nestjs/common';
import type { GrantTrigger } from '@sallyport/contracts/identity/v1/grant';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import type { ActorClaim } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { isId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { enqueue, type OutboxRow } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import { argumentInvalid, grantUnknown } from '../faults.ts';
import { recordLaunch } from '../launches/launch.store.ts';
import { attemptlessHash, launchFacts, workspaceClaims } from '../launches/launch-facts.ts';
import { type Firing, firingRefusal, strangerRefusal } from './check-firing.ts';
import { triggerOf } from './consent.ts';
import { lockGrant, recordUse } from './grant.store.ts';
import { countedDay, type Grant } from './grant.ts';
import { grantEvent } from './grant-event.ts';

@Injectable()
export class AuthorizeFiring {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** The same unit on the same grant again is not an error and is counted once. */
  async execute(unit: Unit | undefined, shown: GrantTrigger | undefined): Promise<string> {
    const org = unit?.identity?.org ?? '';
    if (unit === undefined || org === '' || org === '*') throw argumentInvalid('unit', 'present, with its identity');
    if (!isId('run', unit.run)) throw argumentInvalid('unit.run', 'a run id');
    const firing = { unit, trigger: triggerOf(shown), mounts: workspaceClaims(unit.mounts, 'unit.mounts') };
    const decided = await this.store.tx(org, (db) => this.decide(db, firing));
    if (decided === 'unknown') throw await this.unknown(org, unit);
    if (decided !== undefined) throw decided;
    return unit.run;
  }

  private async decide(db: Db, firing: Firing): Promise<Fault | 'unknown' | undefined> {
    const { unit } = firing;
    const grant = await lockGrant(db, unit.trigger?.grant ?? '', this.clock.now());
    if (grant === undefined) return 'unknown';
    const nowMs = this.clock.now();
    const known = await usedFor(db, grant, unit.run);
    const refused = known ? strangerRefusal(grant, firing) : firingRefusal(grant, firing, nowMs);
    const failed = refused ?? (await this.launch(db, grant, firing, { nowMs, known }));
    if (failed !== undefined) await enqueue(db, [this.denied(grant, unit.run, failed)]);
    return failed;
  }

  private async launch(
    db: Db,
    grant: Grant,
    { unit, trigger }: Firing,
    { nowMs, known }: { readonly nowMs: number; readonly known: boolean },
  ): Promise<Fault | undefined> {
    const { id, org, environment, subject, key, scopes } = grant;
    const { run } = unit;
    const envelope = attemptlessHash(unit);
    const facts = launchFacts(unit, actorOf(grant));
    try {
      const whose = { run, org, environment, subject, key, scopes };
      await recordLaunch(db, { ...whose, hash: envelope, facts, grant: id, nowMs });
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown;
      throw thrown;
    }
    if (known) return undefined;
    await recordUse(db, grant, { run, day: countedDay(grant, nowMs), nowMs });
    await enqueue(db, this.used(grant, run, { envelope, spec: trigger.specHash }));
    return undefined;
  }

  private used(grant: Grant, run: string, hashes: { readonly envelope: string; readonly spec: string }): OutboxRow[] {
    const allowed = { outcome: 'allow', run, actors: [grant.trigger_id, grant.subject], hashes } as const;
    const facts = { used: String(grant.used_runs + 1) };
    return [
      grantEvent(grant, { kind: 'grant.used', ...allowed, facts }, this.clock),
      grantEvent(grant, { kind: 'launch.authorized', ...allowed }, this.clock),
    ];
  }

  private denied(grant: Grant, run: string, { reason }: Fault): OutboxRow {
    const actors = [grant.trigger_id, grant.subject];
    return grantEvent(grant, { kind: 'grant.denied', outcome: 'deny', reason, run, actors }, this.clock);
  }

  /** A grant that the org does not have is told to the org, and to the installation when there is no such org. */
  private async unknown(org: string, { run, trigger }: Unit): Promise<Fault> {
    const refused = grantUnknown(trigger?.grant ?? '');
    await this.store.system(async (db) => {
      const known = await db.query('SELECT 1 FROM org WHERE org = $1', [org]);
      const where = known.length > 0 ? { org, run } : { org: deploymentLog };
      const event = { kind: 'grant.denied', outcome: 'deny', reason: refused.reason, ...where } as const;
      await enqueue(db, [auditRow(event, this.clock)]);
    });
    return refused;
  }
}

const profiles = { schedule: 'schedule', subscription: 'integration' } as const;

/** The trigger acts for the person. */
const actorOf = (grant: Grant): ActorClaim => ({
  sub: grant.trigger_id,
  sub_profile: profiles[grant.trigger_kind],
  act: { sub: grant.subject, sub_profile: grant.subject_kind },
});

async function usedFor(db: Db, { id }: Grant, run: string): Promise<boolean> {
  const found = await db.query('SELECT 1 FROM grant_use WHERE run = $1 AND grant_id = $2', [run, id]);
  return found.length > 0;
}
