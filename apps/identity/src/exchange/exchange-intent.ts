/**
 * Burns an intent token against attestation evidence and answers a dispatch token bound to the workload's proof key. Of any number
 * of racing calls one succeeds: the launch row is locked first, and the burn is in the same transaction as the binding.
 */

import { Injectable } from '@nestjs/common';
import type { Evidence } from '@sallyport/contracts/runtime/v1/evidence';
import type { IntentClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation, Store } from '@sallyport/store/store';
import { thumbprint } from '@sallyport/trust/proof-checker';
import type { Minted } from '@sallyport/trust/signer';
import {
  epochStale,
  intentUnknown,
  intentUsed,
  launchUnknown,
  processBound,
  proofKeyInvalid,
  proofKeySeen,
} from '../faults.ts';
import { type Attempt, checkLive, type Launch, latestAttempt, lockLaunch } from '../launches/launch.store.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { actorsOf, dispatchClaims, dispatchLifetime } from './dispatch-token.ts';
import { type JudgedEvidence, judgeEvidence } from './evidence.ts';

@Injectable()
export class ExchangeIntent {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
  ) {}

  async execute(intent: IntentClaims, evidence: Evidence | undefined, proofJwk: string): Promise<Minted> {
    const judged = judgeEvidence(evidence);
    const jkt = await thumbprint(proofJwk);
    if (jkt === undefined) throw proofKeyInvalid();
    return this.store.tx(intent.org, async (db) => {
      const launch = await lockLaunch(db, intent.org, intent.txn);
      if (launch === undefined) throw launchUnknown(intent.txn);
      checkLive(launch, this.clock.now());
      const attempt = await latestAttempt(db, intent.dsp.id);
      if (attempt === undefined || attempt.run !== intent.txn) throw intentUnknown();
      if (attempt.epoch !== intent.lease.epoch || attempt.jti !== intent.jti) throw epochStale(intent.dsp.id);
      if (attempt.burned) throw intentUsed();
      const now = this.clock.now();
      await bind(db, launch, attempt, judged, jkt, now);
      await enqueue(db, [this.event(launch, attempt, judged)]);
      return this.keeper.mint(
        'dispatch',
        dispatchClaims(launch, attempt, judged, jkt, now),
        dispatchLifetime(launch, now),
      );
    });
  }

  private event(launch: Launch, { dispatch, epoch, edge, envelope_hash }: Attempt, evidence: JudgedEvidence) {
    const { org, environment, subject, run } = launch;
    const hashes = { envelope: envelope_hash, evidence: evidence.hash };
    const facts = { edge, epoch: String(epoch), format: evidence.format, level: String(evidence.level) };
    const where = { org, environment, subject, run, dispatch } as const;
    return auditRow(
      { kind: 'exchange.dispatch', ...where, actors: actorsOf(launch, dispatch), outcome: 'allow', hashes, facts },
      this.clock,
    );
  }
}

async function bind(
  db: Db,
  launch: Launch,
  attempt: Attempt,
  evidence: JudgedEvidence,
  jkt: string,
  now: number,
): Promise<void> {
  await db.query('UPDATE attempt SET burned_at = $3 WHERE dispatch = $1 AND epoch = $2', [
    attempt.dispatch,
    attempt.epoch,
    new Date(now),
  ]);
  try {
    await db.query(
      `INSERT INTO attestation (dispatch, epoch, org, run, jkt, process, evidence_hash, evidence, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        attempt.dispatch,
        attempt.epoch,
        launch.org,
        launch.run,
        jkt,
        evidence.process,
        evidence.hash,
        JSON.stringify(evidence.json),
        new Date(now),
      ],
    );
  } catch (error) {
    if (isUniqueViolation(error, 'attestation_jkt')) throw proofKeySeen();
    if (isUniqueViolation(error, 'attestation_process')) throw processBound();
    throw error;
  }
}
