/**
 * Answers a single-use intent token for one attempt of an authorised launch. A higher epoch voids the tokens of a lower one: its
 * intent can no longer be exchanged, and what was already exchanged is revoked.
 */

import { Injectable } from '@nestjs/common';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { type Db, Store } from '@sallyport/store/store';
import type { EpochRecord } from '@sallyport/trust/epoch-ring';
import { raiseEpoch } from '../epochs/epoch.store.ts';
import { EpochFeed } from '../epochs/epoch-feed.ts';
import { argumentInvalid, dispatchTaken, epochStale, launchUnknown, unitMismatch } from '../faults.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { checkLive, type Launch, latestAttempt, lockLaunch } from './launch.store.ts';
import { attemptlessHash } from './launch-facts.ts';
import { checkAttempt, mintAttempt } from './mint-attempt.ts';

export interface WantedAttempt {
  readonly unit: Unit | undefined;
  readonly edge: string;
  readonly epoch: number;
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
    checkAttempt({ dispatch: unit.dispatch, edge, epoch });
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
    checkLive(launch, this.clock.now());
    if (attemptlessHash(unit) !== launch.unit_hash) throw unitMismatch(unit.run);
    const earlier = await latestAttempt(db, unit.dispatch);
    if (earlier !== undefined && earlier.run !== unit.run) throw dispatchTaken(unit.dispatch);
    if (earlier !== undefined && earlier.epoch >= epoch) throw epochStale(unit.dispatch);
    const now = this.clock.now();
    const token = await mintAttempt(db, this.keeper, this.clock, launch, unit, {
      dispatch: unit.dispatch,
      edge,
      epoch,
    });
    return { token, raised: earlier === undefined ? undefined : await this.voidEarlier(db, launch, now) };
  }

  /** Revokes to the full second, which is how finely tokens tell when they were issued: the new intent is issued in that second. */
  private voidEarlier(db: Db, { org, run }: Launch, now: number): Promise<EpochRecord> {
    return raiseEpoch(db, { kind: 'run', id: run, org, issuedBefore: Math.floor(now / 1_000) * 1_000 });
  }
}
