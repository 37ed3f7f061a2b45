/** Stores output of the dispatch that the token is for, and of no other. */

import { toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { dispatchNotFound, outputForeign, outputInvalid, staleEpoch } from '../faults.ts';
import { followInputs } from '../inputs/follow-inputs.ts';
import { InputStore } from '../inputs/input.store.ts';
import { OutputStore } from './output.store.ts';

const maxEvents = 1_000;

@Injectable()
export class AppendOutput {
  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly output: OutputStore,
    private readonly inputs: InputStore,
    private readonly clock: Clock,
  ) {}

  /** Answers the last sequence of the batch. */
  async execute(events: readonly UnitEvent[], claims: DispatchClaims): Promise<bigint> {
    check(events, claims);
    const { org, txn: run, tctx } = claims;
    await this.store.tx(org, async (db) => {
      const dispatch = await this.dispatches.get(db, tctx.dsp.id);
      if (dispatch === undefined || dispatch.run !== run) throw dispatchNotFound(tctx.dsp.id);
      if (dispatch.epoch !== tctx.lease.epoch) throw staleEpoch(dispatch.id, tctx.lease.epoch, dispatch.epoch);
      const rows = events.map((event) => ({ seq: Number(event.seq), body: toBinary(UnitEventSchema, event) }));
      await this.output.append(db, { dispatch: dispatch.id, org, run, offset: dispatch.outputOffset }, rows);
      await followInputs(db, this.inputs, dispatch, events, this.clock.now());
    });
    return events.reduce((last, event) => (event.seq > last ? event.seq : last), 0n);
  }
}

function check(events: readonly UnitEvent[], claims: DispatchClaims): void {
  if (events.length === 0 || events.length > maxEvents)
    throw outputInvalid('/events', `send 1 to ${maxEvents} events at a time`);
  events.forEach((event, index) => {
    const pointer = `/events/${index}`;
    if (event.org !== claims.org || event.run !== claims.txn || event.dispatch !== claims.tctx.dsp.id)
      throw outputForeign(pointer);
    if (event.seq < 1n || event.seq > BigInt(Number.MAX_SAFE_INTEGER))
      throw outputInvalid(`${pointer}/seq`, 'sequences start at 1');
    if (event.id === '') throw outputInvalid(`${pointer}/id`, 'an event has an id');
  });
}
