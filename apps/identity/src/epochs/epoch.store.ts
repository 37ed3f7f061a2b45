/** Revocation epochs as rows: one per subject of revocation, raised and never lowered. */

import type { Db } from '@sallyport/store/store';
import { type EpochKind, type EpochPage, type EpochRecord, epochHorizonMs } from '@sallyport/trust/epoch-ring';
import { clockSkewSeconds } from '@sallyport/trust/token-class';

interface Row {
  readonly kind: EpochKind;
  readonly id: string;
  readonly version: string;
  readonly issued_before: Date;
}

const recordOf = (row: Row): EpochRecord => ({
  kind: row.kind,
  id: row.id,
  version: BigInt(row.version),
  issuedBefore: row.issued_before.getTime(),
});

export interface Raise {
  readonly kind: EpochKind;
  readonly id: string;
  readonly org: string;
  /** Milliseconds since the epoch; tokens issued before are refused. */
  readonly issuedBefore: number;
}

/**
 * The `issuedBefore` of what never gets a token again: late enough to cover one minted by a replica whose clock is ahead. Read the
 * clock after the row that minting locks was taken.
 */
export const everAfter = (nowMs: number): number => nowMs + clockSkewSeconds * 1_000;

/**
 * Raises an epoch. Versions are given out under a lock that is held until commit, so that a reader who has seen a version has
 * seen every lower one. Call it last in its transaction.
 */
export async function raiseEpoch(db: Db, raise: Raise): Promise<EpochRecord> {
  await db.query("SELECT pg_advisory_xact_lock(hashtext('identity.epoch'))");
  const [row] = await db.query<Row>(
    `INSERT INTO epoch AS old (kind, id, org, version, issued_before) VALUES ($1, $2, $3, nextval('epoch_version'), $4)
     ON CONFLICT (kind, id) DO UPDATE
       SET version = excluded.version, issued_before = GREATEST(old.issued_before, excluded.issued_before)
     RETURNING kind, id, version, issued_before`,
    [raise.kind, raise.id, raise.org, new Date(raise.issuedBefore)],
  );
  if (row === undefined) throw new Error('an upsert answered no row');
  return recordOf(row);
}

/**
 * Epochs changed after a version, in order, without those that cover no token that could still be alive. A version that was never
 * given out, as a verifier has it after this database was restored from a backup, counts as none.
 */
export async function epochsAfter(db: Db, asked: bigint, nowMs: number): Promise<EpochPage> {
  const [sequence] = await db.query<{ last_value: string }>('SELECT last_value FROM epoch_version');
  const version = asked > BigInt(sequence?.last_value ?? 0) ? 0n : asked;
  const rows = await db.query<Row>(
    'SELECT kind, id, version, issued_before FROM epoch WHERE version > $1 AND issued_before > $2 ORDER BY version',
    [version.toString(), new Date(nowMs - epochHorizonMs)],
  );
  const last = rows.at(-1);
  return { epochs: rows.map(recordOf), version: last === undefined ? version : BigInt(last.version) };
}
