/** A time zone as pieces of constant offset, so that local times become instants by arithmetic. Pure but for the tables of the runtime. */

import { zoneUnknown } from '../trigger-faults.ts';

/** From `from` on, local time is UTC plus `offset`; milliseconds. */
export interface Piece {
  readonly from: number;
  readonly offset: number;
}

const hour = 3_600_000;
/** Shorter than any two changes of a zone are apart. */
const step = 6 * hour;
/** Length of a table; tables are made when they are first asked for. */
const span = 366 * 24 * hour;
const maxZones = 1_000;

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #tables = new Map<number, readonly Piece[]>();

  private constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.#format = format;
  }

  static readonly #known = new Map<string, Zone>();

  /**
   * The zone of an IANA name.
   *
   * @throws Fault `scheduler.zone_unknown` for anything else, offsets such as `+02:00` included.
   */
  static of(name: string): Zone {
    const known = Zone.#known.get(name);
    if (known !== undefined) return known;
    const zone = new Zone(name, formatOf(name));
    if (Zone.#known.size >= maxZones) Zone.#known.clear();
    Zone.#known.set(name, zone);
    return zone;
  }

  /** Pieces that cover [from, to), the first one starting at or before `from`. */
  pieces(from: number, to: number): readonly Piece[] {
    const found: Piece[] = [];
    for (let index = Math.floor(from / span); index * span < to; index++) {
      for (const piece of this.#table(index)) {
        if (found.at(-1)?.offset !== piece.offset) found.push(piece);
      }
    }
    const first = found.findLastIndex((piece) => piece.from <= from);
    return found.slice(Math.max(0, first)).filter((piece) => piece.from < to);
  }

  /** Local time minus UTC at an instant. */
  offset(at: number): number {
    return this.pieces(at, at + 1)[0]?.offset ?? 0;
  }

  #table(index: number): readonly Piece[] {
    const known = this.#tables.get(index);
    if (known !== undefined) return known;
    const start = index * span;
    const table: Piece[] = [{ from: start, offset: this.#measure(start) }];
    for (let at = start + step; at <= start + span; at += step) {
      const before = table.at(-1)?.offset;
      const offset = this.#measure(at);
      if (offset !== before) table.push({ from: this.#change(at - step, at), offset });
    }
    this.#tables.set(index, table);
    return table;
  }

  /** The first second in (low, high] at which the offset is that of `high`. */
  #change(low: number, high: number): number {
    const after = this.#measure(high);
    let [before, since] = [low, high];
    while (since - before > 1_000) {
      const middle = Math.floor((before + since) / 2_000) * 1_000;
      if (this.#measure(middle) === after) since = middle;
      else before = middle;
    }
    return since;
  }

  #measure(at: number): number {
    const part = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const local = Date.UTC(
      part['year'] ?? 0,
      (part['month'] ?? 1) - 1,
      part['day'] ?? 1,
      part['hour'] ?? 0,
      part['minute'] ?? 0,
      part['second'] ?? 0,
    );
    return local - Math.floor(at / 1_000) * 1_000;
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/.test(name)) throw zoneUnknown(name);
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw zoneUnknown(name);
  }
}
