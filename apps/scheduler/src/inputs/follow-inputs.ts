/** Learns from a dispatch's own output which inputs it took and ended, and whether it waits for more. */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { UnitEvent } from '@sallyport/contracts/unit/v1/event';
import type { Db } from '@sallyport/store/store';
import type { InputStore } from './input.store.ts';

interface Said {
  readonly seq: number;
  readonly at: number;
  readonly taken: string | undefined;
  readonly ended: string | undefined;
}

const saidOf = ({ seq, at, body }: UnitEvent): Said[] => {
  if (body.case !== 'inputTaken' && body.case !== 'inputEnded') return [];
  const { input } = body.value;
  return [
    {
      seq: Number(seq),
      at: at === undefined ? 0 : timestampMs(at),
      taken: body.case === 'inputTaken' ? input : undefined,
      ended: body.case === 'inputEnded' ? input : undefined,
    },
  ];
};

/** Most inputs are not among a batch's events; then nothing is asked of the database. */
export async function followInputs(
  db: Db,
  inputs: InputStore,
  dispatch: { readonly id: string; readonly run: string },
  events: readonly UnitEvent[],
  now: number,
): Promise<void> {
  const said = events.flatMap(saidOf).toSorted((a, b) => a.seq - b.seq);
  if (said.length === 0) return;
  const taken = said.flatMap((each) => each.taken ?? []);
  const ended = said.flatMap((each) => each.ended ?? []);
  for (const { seq, at, taken: input, ended: over } of said) {
    // Batches may come out of order: what a later one told is not overwritten.
    if (input !== undefined) {
      await db.query(
        'UPDATE dispatch SET input = $2, input_seq = $3, input_at = $4, waiting = false WHERE id = $1 AND input_seq < $3',
        [dispatch.id, input, seq, at],
      );
    } else {
      await db.query(
        'UPDATE dispatch SET input_seq = $3, input_at = $4, waiting = true WHERE id = $1 AND input_seq < $3 AND input = $2',
        [dispatch.id, over, seq, at],
      );
    }
  }
  // Behind the dispatch, as the end of a run does it: rows are locked in one order.
  await inputs.settle(db, dispatch.run, taken, ended, now);
}
