/** Gives places to what waits: one batch of requests, in order, without what the log already holds; pure. */

import type { Frontier } from '@sallyport/audit-verify/merkle';
import { leafHash } from '@sallyport/audit-verify/merkle';
import type { Event } from '@sallyport/contracts/audit/v1/audit';
import type { AdmittedEvent } from '../events/admit-event.ts';
import type { PlacedEvent } from './log.store.ts';

/** A batch with places. */
export interface Placed {
  readonly rows: readonly PlacedEvent[];
  /** The same events with their sequence numbers, for those who listen. */
  readonly events: readonly Event[];
  /** The tree with them. */
  readonly frontier: Frontier;
  /** For each request the id that stands for another event already, or undefined. */
  readonly refused: readonly (string | undefined)[];
}

/** Everything an event says but when: a producer that repeats itself may have looked at the clock again. */
function saying(canonical: string): string {
  const { seq: _seq, time: _time, ...rest } = JSON.parse(canonical) as Record<string, unknown>;
  return JSON.stringify(rest);
}

/**
 * Places events behind a tree.
 *
 * @param known - canonical texts by id of what the log holds already, of the ids at hand.
 */
export function placeEvents(
  requests: readonly (readonly AdmittedEvent[])[],
  from: Frontier,
  known: ReadonlyMap<string, string>,
): Placed {
  const frontier = from.clone();
  const rows: PlacedEvent[] = [];
  const events: Event[] = [];
  const seen = new Map(known);
  const refused = requests.map((request) => {
    const reused = request.find(({ event, template }) => {
      const earlier = seen.get(event.id);
      return earlier !== undefined && saying(earlier) !== saying(template.at(0));
    });
    if (reused !== undefined) return reused.event.id;
    for (const { event, template } of request) {
      if (seen.has(event.id)) continue;
      const seq = frontier.size;
      const canonical = template.at(seq);
      const leaf = leafHash(Buffer.from(canonical));
      const { id, environment, kind, run } = event;
      seen.set(id, canonical);
      frontier.push(leaf);
      rows.push({ id, environment, kind, run, leaf, canonical });
      events.push({ ...event, seq: BigInt(seq) });
    }
    return undefined;
  });
  return { rows, events, frontier, refused };
}
