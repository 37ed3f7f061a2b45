/**
 * Answers a single-use intent token for one attempt of an authorised launch. A higher epoch voids the tokens of a lower one: its
 * intent can no longer be exchanged, and what was already exchanged is revoked.
 */

import { Injectable } from '@nestjs/common';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { isId, uuid7 } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation, Store } from '@sallyport/store/store';
import type { EpochRecord } from '@sallyport/trust/epoch-ring';
import { serviceAudience } from '@sallyport/trust/token-class';
import { raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { argumentInvalid, dispatchTaken, epochStale, launchUnknown, unitMismatch } from '../faults.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { checkLive, type Launch, latestAttempt, lockLaunch } from './launch.store.ts';
import { attemptlessHash, envelopeHash } from './launch-facts.ts';

export interface WantedAttempt {
  readonly unit: Unit | undefined;
  readonly edge: string;
  readonly epoch: number;
}

interface NewAttempt {
  readonly dispatch: string;
  readonly edge: string;
  readonly epoch: number;
  readonly envelope: string;
  readonly jti: string;
  readonly now: number;
}

@Injectable()
export class MintIntent {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
    private readonly feed: EpochFeed,
  ) {}

  async execute({ unit, edge, epoch }: WantedAttempt): Promise<string> {
    const org = unit?.identity?.org;
    if (unit === undefined || !org) throw argumentInvalid('unit', 'present, with its identity');
    if (!isId('dispatch', unit.dispatch)) throw argumentInvalid('unit.dispatch', 'a dispatch id');
    if (edge === '') throw argumentInvalid('edge', 'the id of an edge');
    if (!Number.isSafeInteger(epoch) || epoch < 1) throw argumentInvalid('epoch', 'a whole number from 1');
    const { token, raised } = await this.store.tx(org, (db) => this.mint(db, org, unit, edge, epoch));
    if (raised !== undefined) this.feed.push(raised);
    return token;
  }

  private async mint(
    db: Db,
    org: string,
    unit: Unit,
    edge: string,
    epoch: number,
  ): Promise<{ token: string; raised: EpochRecord | undefined }> {
    const launch = await lockLaunch(db, org, unit.run);
    if (launch === undefined) throw launchUnknown(unit.run);
    checkLive(launch);
    if (attemptlessHash(unit) !== launch.unit_hash) throw unitMismatch(unit.run);
    const earlier = await latestAttempt(db, unit.dispatch);
    if (earlier !== undefined && earlier.run !== unit.run) throw dispatchTaken(unit.dispatch);
    if (earlier !== undefined && earlier.epoch >= epoch) throw epochStale(unit.dispatch);
    const now = this.clock.now();
    const attempt = { dispatch: unit.dispatch, edge, epoch, envelope: envelopeHash(unit), jti: uuid7(now), now };
    await insertAttempt(db, launch, attempt);
    const { token } = await this.keeper.mint('intent', claimsOf(launch, attempt));
    await enqueue(db, [this.event(launch, attempt)]);
    return { token, raised: earlier === undefined ? undefined : await this.voidEarlier(db, launch, now) };
  }

  /** Revokes to the full second, which is how finely tokens tell when they were issued: the new intent is issued in that second. */
  private voidEarlier(db: Db, { org, run }: Launch, now: number): Promise<EpochRecord> {
    return raiseEpoch(db, { kind: 'run', id: run, org, issuedBefore: Math.floor(now / 1_000) * 1_000 });
  }

  private event({ org, environment, subject, run }: Launch, { dispatch, edge, epoch, envelope }: NewAttempt) {
    const facts = { edge, epoch: String(epoch) };
    return auditRow(
      {
        kind: 'launch.intent',
        org,
        environment,
        subject,
        run,
        dispatch,
        outcome: 'allow',
        hashes: { envelope },
        facts,
      },
      this.clock,
    );
  }
}

const claimsOf = (
  { subject, org, environment, run, key, facts }: Launch,
  { jti, dispatch, envelope, edge, epoch }: NewAttempt,
) => ({
  aud: serviceAudience('runtime'),
  sub: subject,
  jti,
  org,
  env: environment,
  txn: run,
  key,
  act: facts.act,
  wsp: facts.wsp,
  dsp: { id: dispatch, h: envelope },
  lease: { edge, epoch },
});

async function insertAttempt(db: Db, { run, org }: Launch, attempt: NewAttempt): Promise<void> {
  try {
    await db.query(
      `INSERT INTO attempt (dispatch, epoch, run, org, edge, jti, envelope_hash, minted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [attempt.dispatch, attempt.epoch, run, org, attempt.edge, attempt.jti, attempt.envelope, new Date(attempt.now)],
    );
  } catch (error) {
    // Only a dispatch of another org can collide here: the look-up before cannot see it.
    if (isUniqueViolation(error)) throw dispatchTaken(attempt.dispatch);
    throw error;
  }
}
