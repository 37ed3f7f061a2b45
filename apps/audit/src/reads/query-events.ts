/** Reads events in order. A session reads its own environment and what belongs to none. */

import { fromJsonString } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type Event, EventSchema, type QueryRequest } from '@sallyport/contracts/audit/v1/audit';
import type { SessionClaims } from '@sallyport/core/claims';
import { Store } from '@sallyport/store/store';
import { foreignEnvironment, malformedQuery } from '../faults.ts';

const defaultPage = 200;
const largestPage = 1_000;
/** A page ends early rather than outgrow a bus message. */
const pageBytes = 512 * 1024;

export interface Page {
  readonly events: Event[];
  readonly nextSeq: bigint;
  readonly end: boolean;
}

@Injectable()
export class QueryEvents {
  constructor(private readonly store: Store) {}

  async execute(session: SessionClaims, query: QueryRequest): Promise<Page> {
    if (query.pageSize < 0 || query.pageSize > largestPage) throw malformedQuery('page_size');
    if (query.fromSeq > BigInt(Number.MAX_SAFE_INTEGER)) throw malformedQuery('from_seq');
    if (query.kinds.length > 100) throw malformedQuery('kinds');
    if (query.environment !== '' && query.environment !== session.env) throw foreignEnvironment(query.environment);
    const limit = query.pageSize === 0 ? defaultPage : query.pageSize;
    const rows = await this.#read(session, query, limit + 1);
    const kept = fitting(rows.slice(0, limit));
    const last = kept.at(-1);
    return {
      events: kept.map((row) => fromJsonString(EventSchema, row.canonical)),
      nextSeq: last === undefined ? query.fromSeq : BigInt(last.seq) + 1n,
      end: kept.length === rows.length,
    };
  }

  #read(session: SessionClaims, query: QueryRequest, limit: number): Promise<Row[]> {
    const environments = query.environment === '' ? [session.env, ''] : [query.environment];
    return this.store.tx(session.org, (db) =>
      db.query<Row>(
        `SELECT seq, canonical FROM event
         WHERE org = $1 AND seq >= $2 AND environment = ANY($3::text[])
           AND ($4 = '' OR run = $4) AND (cardinality($5::text[]) = 0 OR kind = ANY($5::text[]))
         ORDER BY seq LIMIT $6`,
        [session.org, query.fromSeq.toString(), environments, query.run, query.kinds, limit],
      ),
    );
  }
}

interface Row {
  readonly seq: string;
  readonly canonical: string;
}

/** The first rows that fit a page; at least one. */
function fitting(rows: readonly Row[]): Row[] {
  let bytes = 0;
  return rows.filter((row, at) => {
    bytes += row.canonical.length;
    return at === 0 || bytes <= pageBytes;
  });
}
