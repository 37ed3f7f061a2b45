/** One attempt of a launch and its intent token, within the transaction that decides that there may be one. */

import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { Clock } from '@sallyport/core/clock';
import { isId, uuid7 } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation } from '@sallyport/store/store';
import { serviceAudience, tokenClassTable } from '@sallyport/trust/token-class';
import { argumentInvalid, dispatchTaken } from '../faults.ts';
import type { KeyKeeper } from '../signing/key-keeper.ts';
import { type Launch, tokenLifetime } from './launch.store.ts';
import { envelopeHash } from './launch-facts.ts';

/** What an attempt needs to know of its launch. */
export type LaunchOfAttempt = Pick<Launch, 'run' | 'org' | 'environment' | 'subject' | 'key' | 'facts' | 'grant'>;

/** Which attempt. */
export interface AttemptOf {
  readonly dispatch: string;
  readonly edge: string;
  readonly epoch: number;
}

/** Throws `identity.argument` unless it names an attempt. */
export function checkAttempt({ dispatch, edge, epoch }: AttemptOf): void {
  if (!isId('dispatch', dispatch)) throw argumentInvalid('unit.dispatch', 'a dispatch id');
  if (edge === '') throw argumentInvalid('edge', 'the id of an edge');
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw argumentInvalid('epoch', 'a whole number from 1');
}

/** Records the attempt and answers its token; `unit` carries the dispatch id. */
export async function mintAttempt(
  db: Db,
  keeper: KeyKeeper,
  clock: Clock,
  launch: LaunchOfAttempt,
  unit: Unit,
  { dispatch, edge, epoch }: AttemptOf,
): Promise<string> {
  const now = clock.now();
  const jti = uuid7(now);
  const envelope = envelopeHash(unit);
  const { run, org, environment, subject, key, grant, facts } = launch;
  await insertAttempt(db, [dispatch, epoch, run, org, edge, jti, envelope, new Date(now)]);
  const claims = {
    aud: serviceAudience('runtime'),
    sub: subject,
    jti,
    org,
    env: environment,
    txn: run,
    key,
    ...(grant === undefined ? {} : { grant: grant.id }),
    act: facts.act,
    wsp: facts.wsp,
    dsp: { id: dispatch, h: envelope },
    lease: { edge, epoch },
  };
  const { token } = await keeper.mint(
    'intent',
    claims,
    tokenLifetime(launch, tokenClassTable.intent.lifetimeSeconds, now),
  );
  const of = { org, environment, subject, run, dispatch, outcome: 'allow' } as const;
  const told = { hashes: { envelope }, facts: { edge, epoch: String(epoch) } };
  await enqueue(db, [auditRow({ kind: 'launch.intent', ...of, ...told }, clock)]);
  return token;
}

async function insertAttempt(db: Db, row: readonly [string, ...unknown[]]): Promise<void> {
  try {
    await db.query(
      `INSERT INTO attempt (dispatch, epoch, run, org, edge, jti, envelope_hash, minted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      row,
    );
  } catch (error) {
    // Only a dispatch of another org can collide here: the look-up before cannot see it.
    if (isUniqueViolation(error)) throw dispatchTaken(row[0]);
    throw error;
  }
}
