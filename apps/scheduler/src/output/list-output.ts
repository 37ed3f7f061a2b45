/** Answers a run's stored output in order, a page at a time. */

import { create, fromBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { ListOutputRequest } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import type { SessionClaims } from '@sallyport/core/claims';
import { Store } from '@sallyport/store/store';
import { pageInvalid, runNotFound } from '../faults.ts';
import { runMachine } from '../runs/run.machine.ts';
import { RunStore } from '../runs/run.store.ts';
import { type OutputPage, OutputStore } from './output.store.ts';

const usualPage = 200;
const maxPage = 1_000;
/** What a reader holds of a run while it is slow. One event alone may be larger, and still fits a message of the bus. */
export const maxBytes = 64 * 1024;

@Injectable()
export class ListOutput {
  constructor(
    private readonly store: Store,
    private readonly runs: RunStore,
    private readonly output: OutputStore,
  ) {}

  async execute(request: ListOutputRequest, claims: SessionClaims): Promise<{ events: UnitEvent[]; end: boolean }> {
    const { run: id, pageSize } = request;
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (request.afterSeq > BigInt(Number.MAX_SAFE_INTEGER)) throw pageInvalid('/after_seq');
    const limit = pageSize === 0 ? usualPage : pageSize;
    const after = Number(request.afterSeq);
    return this.store.tx(claims.org, async (db) => {
      const run = await this.runs.get(db, claims.env, id);
      if (run === undefined) throw runNotFound(id);
      const ended = runMachine.isTerminal(run.state);
      const rows = await this.output.page(db, id, after, limit + 1, maxBytes);
      const page = fitting(ended ? rows : upToGap(rows, after), limit);
      return { events: page.map(eventOf), end: ended && page.length === rows.length };
    });
  }
}

/** While a run goes on, a gap is a batch still on its way: what is behind it waits for a later page. */
export function upToGap(rows: readonly OutputPage[], after: number): readonly OutputPage[] {
  const gap = rows.findIndex((row, index) => row.position !== after + index + 1);
  return gap < 0 ? rows : rows.slice(0, gap);
}

/** As many rows as a page may have and a message can carry, one at least. */
export function fitting(rows: readonly OutputPage[], limit: number): readonly OutputPage[] {
  let bytes = 0;
  const over = rows.findIndex((row, index) => {
    bytes += row.body.byteLength;
    return index === limit || (index > 0 && bytes > maxBytes);
  });
  return over < 0 ? rows : rows.slice(0, over);
}

const eventOf = (row: OutputPage): UnitEvent =>
  create(UnitEventSchema, { ...fromBinary(UnitEventSchema, row.body), seq: BigInt(row.position) });
