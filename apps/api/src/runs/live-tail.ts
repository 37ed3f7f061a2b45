/**
 * What has arrived on the bus and not yet been read: bounded, and honest about having overflowed.
 *
 * The bus numbers events per dispatch and history numbers them per run; the difference is learnt from the first event
 * seen on both sides, and until then nothing of the tail is passed on.
 */

import type { UnitEvent } from '@sallyport/contracts/unit/v1/event';
import { Bell } from '../http/bell.ts';

const capacity = 512;
const capacityBytes = 512 * 1024;

export class LiveTail {
  readonly bell = new Bell();
  private held: UnitEvent[] = [];
  private heldBytes = 0;
  private readonly numbers = new Map<string, bigint>();
  private overflowed = false;
  private offset: bigint | undefined;
  private newest: { readonly id: string; readonly seq: bigint } | undefined;

  /** Takes one event in, or drops everything held when the reader is too slow; history has it all. */
  push(event: UnitEvent): void {
    if (this.newest === undefined || event.seq > this.newest.seq) this.newest = event;
    if (this.offset === undefined) this.note(event);
    this.heldBytes += sizeOf(event);
    if (this.held.length >= capacity || this.heldBytes > capacityBytes) {
      this.clear();
      this.overflowed = true;
    }
    if (!this.overflowed) this.held.push(event);
    this.bell.ring();
  }

  /** What is held beyond the cursor and continues it, numbered as history numbers it; and whether some was dropped. */
  take(cursor: bigint): { readonly events: readonly UnitEvent[]; readonly overflowed: boolean } {
    const { held, overflowed, offset } = this;
    this.clear();
    this.overflowed = false;
    if (offset === undefined) return { events: [], overflowed };
    const events: UnitEvent[] = [];
    let at = cursor;
    for (const event of held.toSorted((a, b) => (a.seq < b.seq ? -1 : 1))) {
      if (event.seq + offset !== at + 1n) continue;
      at += 1n;
      events.push(offset === 0n ? event : { ...event, seq: at });
    }
    return { events, overflowed };
  }

  /** Whether the bus has told of something the reader has not been given. */
  isAhead(cursor: bigint): boolean {
    if (this.newest === undefined) return false;
    return this.offset === undefined || this.newest.seq + this.offset > cursor;
  }

  /** Compares notes with history; an empty history says that the first event here will be the run's first. */
  learn(history: readonly UnitEvent[], cursor: bigint): void {
    if (history.length === 0 && cursor === 0n) this.offset ??= 0n;
    for (const event of history) {
      const number = this.numbers.get(event.id);
      if (number !== undefined) this.offset ??= event.seq - number;
    }
    if (this.offset !== undefined) this.numbers.clear();
  }

  /** Begins anew with another dispatch. */
  reset(): void {
    this.clear();
    this.numbers.clear();
    this.overflowed = false;
    this.offset = undefined;
    this.newest = undefined;
  }

  private note({ id, seq }: UnitEvent): void {
    this.numbers.set(id, seq);
    const oldest = this.numbers.keys().next();
    if (this.numbers.size > capacity && oldest.done === false) this.numbers.delete(oldest.value);
  }

  private clear(): void {
    this.held = [];
    this.heldBytes = 0;
  }
}

/** What an event holds, near enough: the texts and bytes of its body. */
function sizeOf(event: UnitEvent): number {
  const values: readonly unknown[] = Object.values(event.body.value ?? {});
  return values.reduce<number>(
    (sum, value) => sum + (typeof value === 'string' || value instanceof Uint8Array ? value.length : 0),
    200,
  );
}
