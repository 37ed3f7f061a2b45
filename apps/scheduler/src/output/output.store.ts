/** Output rows. `position` is the run's own sequence: the dispatch's sequence plus what its earlier attempts wrote. */

import { byteaArray } from '@sallyport/store/bytea-array';
import type { Db } from '@sallyport/store/store';

export interface OutputRow {
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface OutputPage {
  readonly position: number;
  readonly body: Uint8Array;
}

export class OutputStore {
  /** Adds what is not there yet. */
  async append(
    db: Db,
    of: { readonly dispatch: string; readonly org: string; readonly run: string; readonly offset: number },
    rows: readonly OutputRow[],
  ): Promise<void> {
    await db.query(
      `INSERT INTO output_event (dispatch, seq, org, run, position, body)
       SELECT $1, seq, $2, $3, seq + $4, body FROM unnest($5::bigint[], $6::bytea[]) AS event (seq, body) ON CONFLICT (dispatch, seq) DO NOTHING`,
      [of.dispatch, of.org, of.run, of.offset, rows.map((row) => row.seq), byteaArray(rows.map((row) => row.body))],
    );
  }

  /** At most so many rows, and no more of them than it takes to exceed so many bytes and see what follows: no body beyond is read. */
  async page(db: Db, run: string, after: number, limit: number, bytes: number): Promise<readonly OutputPage[]> {
    const rows = await db.query<{ position: string; body: Uint8Array }>(
      `SELECT position, body FROM (
         SELECT position, body, row_number() OVER (ORDER BY position) AS place,
           sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before
         FROM (SELECT position, body FROM output_event WHERE run = $1 AND position > $2 ORDER BY position LIMIT $3) AS next
       ) AS sized WHERE before <= $4 OR place = 2 ORDER BY position`,
      [run, after, limit, bytes],
    );
    return rows.map((row) => ({ position: Number(row.position), body: row.body }));
  }
}
