/**
 * Records a person's consent to a trigger: bounded by the scopes and the life of the key it is given by, bound to the hash of what
 * was shown. A trigger has one grant: the one before is replaced, and what runs on it ends.
 */

import { Injectable } from '@nestjs/common';
import type { CreateGrantRequest } from '@sallyport/contracts/identity/v1/grant';
import { sha256Hex } from '@sallyport/core/canonical';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import type { EpochRecord } from '@sallyport/trust/epoch-ring';
import { chainIssuer, serviceAudience } from '@sallyport/trust/token-class';
import { everAfter, raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { grantScope } from '../faults.ts';
import { sessionOwner } from '../launches/session-owner.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { type Consent, consentOf } from './consent.ts';
import { findGrant, insertGrant, lockGrantsOf, moveGrant } from './grant.store.ts';
import type { Grant } from './grant.ts';
import { grantEvent } from './grant-event.ts';

@Injectable()
export class CreateGrant {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
    private readonly feed: EpochFeed,
  ) {}

  async execute(session: SessionClaims, request: CreateGrantRequest): Promise<Grant> {
    const consent = consentOf(request);
    if (!session.scope.includes('*') && !session.scope.includes('run:create')) throw grantScope('run:create');
    const { grant, raised } = await this.store.tx(session.org, async (db) => {
      const owner = await sessionOwner(db, session);
      await lockTrigger(db, session, consent);
      const replaced = await this.replace(db, session, consent);
      const made = await this.insert(db, session, consent, owner.key_expires_at);
      const epochs: EpochRecord[] = [];
      for (const id of replaced) {
        epochs.push(
          await raiseEpoch(db, { kind: 'grant', id, org: session.org, issuedBefore: everAfter(this.clock.now()) }),
        );
      }
      return { grant: made, raised: epochs };
    });
    for (const epoch of raised) this.feed.push(epoch);
    return grant;
  }

  /** Ids of the grants whose place is taken. */
  private async replace(db: Db, session: SessionClaims, { trigger }: Consent): Promise<string[]> {
    const nowMs = this.clock.now();
    const earlier = await lockGrantsOf(db, trigger, nowMs, session.env);
    for (const grant of earlier) {
      await moveGrant(db, grant, 'replace', { reason: 'replaced', nowMs });
      const what = { kind: 'grant.revoked', outcome: 'allow', facts: { why: 'replaced', by: session.sub } } as const;
      await enqueue(db, [grantEvent(grant, what, this.clock)]);
    }
    return earlier.map(({ id }) => id);
  }

  private async insert(db: Db, session: SessionClaims, consent: Consent, keyExpires: Date | null): Promise<Grant> {
    const { trigger, mounts, maxRuns, maxPerDay } = consent;
    const now = this.clock.now();
    const left = keyExpires === null ? Number.POSITIVE_INFINITY : Math.floor((keyExpires.getTime() - now) / 1_000);
    const lifetime = Math.max(1, Math.min(consent.ttlSeconds, left));
    const id = newId('grant', now);
    const scopes = [...session.scope];
    const { token, expiresAt } = await this.keeper.mint(
      'grant',
      {
        sub: session.sub,
        jti: id,
        org: session.org,
        env: session.env,
        may_act: { iss: chainIssuer, sub: serviceAudience('scheduler') },
        scope: scopes,
        wsp: mounts,
        trg: { kind: trigger.kind, id: trigger.id, spec_hash: trigger.specHash },
        lim: { max_runs: maxRuns, max_per_day: maxPerDay },
        cns: { key: session.key, auth_time: session.iat, ui_hash: trigger.specHash },
      },
      lifetime,
    );
    const lives = { createdAt: (expiresAt - lifetime) * 1_000, expiresAt: expiresAt * 1_000 };
    const whose = { org: session.org, environment: session.env, subject: session.sub, key: session.key };
    const terms = { trigger, scopes, mounts, maxRuns, maxPerDay };
    await insertGrant(db, { id, ...whose, ...terms, token, ...lives });
    const grant = await findGrant(db, id, now);
    if (grant === undefined) throw new Error('a grant that was inserted is gone');
    const facts = { key: session.key, max_runs: String(maxRuns), max_per_day: String(maxPerDay) };
    const hashes = { spec: trigger.specHash, token: sha256Hex(token) };
    await enqueue(db, [grantEvent(grant, { kind: 'grant.created', outcome: 'allow', hashes, facts }, this.clock)]);
    return grant;
  }
}

/** Two people who consent to one trigger at once do so one after the other. */
const lockTrigger = (db: Db, { org, env }: SessionClaims, { trigger }: Consent): Promise<unknown> =>
  db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `identity.grant/${org}/${env}/${trigger.kind}/${trigger.id}`,
  ]);
