/**
 * Answers a fresh dispatch token while the attested process lives: the evidence must be what it was, to the last field, and the
 * proof must come from the same key. A reused pid shows in the start time.
 */

import { Injectable } from '@nestjs/common';
import type { Evidence } from '@sallyport/contracts/runtime/v1/evidence';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import type { Minted } from '@sallyport/trust/signer';
import { attestationUnknown, epochStale, evidenceChanged, launchUnknown } from '../faults.ts';
import { type Attempt, checkLive, type Launch, latestAttempt, lockLaunch } from '../launches/launch.store.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { actorsOf, dispatchClaims, dispatchLifetime } from './dispatch-token.ts';
import { changedFields, type EvidenceJson, judgeEvidence } from './evidence.ts';

type Renewal = { readonly minted: Minted } | { readonly changed: readonly string[] };

@Injectable()
export class RenewDispatch {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
  ) {}

  async execute(claims: DispatchClaims, evidence: Evidence | undefined): Promise<Minted> {
    const renewal = await this.store.tx(claims.org, (db) => this.renew(db, claims, evidence));
    // The refusal is committed to the log before it is said.
    if ('changed' in renewal) throw evidenceChanged(renewal.changed);
    return renewal.minted;
  }

  private async renew(db: Db, claims: DispatchClaims, evidence: Evidence | undefined): Promise<Renewal> {
    const judged = judgeEvidence(evidence);
    const { id } = claims.tctx.dsp;
    const launch = await lockLaunch(db, claims.org, claims.txn);
    if (launch === undefined) throw launchUnknown(claims.txn);
    checkLive(launch, this.clock.now());
    const attempt = await latestAttempt(db, id);
    if (attempt === undefined || attempt.run !== claims.txn) throw attestationUnknown(id);
    if (attempt.epoch !== claims.tctx.lease.epoch) throw epochStale(id);
    const now = this.clock.now();
    const bound = await touchAttestation(db, attempt, now);
    if (bound === undefined) throw attestationUnknown(id);
    const changed = changedFields(bound.evidence, judged.json);
    if (bound.jkt !== claims.cnf.jkt) changed.push('proof_key');
    const deny = {
      outcome: 'deny',
      reason: 'identity.evidence_changed',
      facts: { changed: changed.join(',') },
    } as const;
    await enqueue(db, [this.event(launch, attempt, judged.hash, changed.length === 0 ? { outcome: 'allow' } : deny)]);
    if (changed.length > 0) return { changed };
    const fresh = dispatchClaims(launch, attempt, judged, bound.jkt, now);
    return { minted: await this.keeper.mint('dispatch', fresh, dispatchLifetime(launch, now)) };
  }

  private event(
    launch: Launch,
    { dispatch }: Attempt,
    evidence: string,
    rest: Pick<EventInit, 'outcome' | 'reason' | 'facts'>,
  ) {
    const { org, environment, subject, run } = launch;
    const where = { org, environment, subject, run, dispatch } as const;
    return auditRow(
      { kind: 'exchange.renew', ...where, actors: actorsOf(launch, dispatch), hashes: { evidence }, ...rest },
      this.clock,
    );
  }
}

async function touchAttestation(
  db: Db,
  { dispatch, epoch }: Attempt,
  now: number,
): Promise<{ jkt: string; evidence: EvidenceJson } | undefined> {
  const [row] = await db.query<{ jkt: string; evidence: EvidenceJson }>(
    'UPDATE attestation SET renewed_at = $3 WHERE dispatch = $1 AND epoch = $2 RETURNING jkt, evidence',
    [dispatch, epoch, new Date(now)],
  );
  return row;
}
