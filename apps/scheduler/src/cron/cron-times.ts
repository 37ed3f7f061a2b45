/**
 * Fire times of a cron expression in a time zone. croner reads the expression and walks the calendar; what a zone's clock changes mean is
 * decided here: a local time that is skipped fires once, at the first minute that exists after it, and one that is repeated fires once,
 * the first time.
 */

import { Cron } from 'croner';
import { cronInvalid } from '../trigger-faults.ts';
import { type Piece, Zone } from './zone.ts';

const minute = 60_000;
/** No clock has been set back or forward by more in one step. */
const reach = 26 * 3_600_000;
const nicknames: ReadonlySet<string> = new Set(['@yearly', '@monthly', '@weekly', '@daily', '@hourly']);
/** Lists, ranges, steps and names; neither seconds nor `L`, `W`, `#`, `?` and `+`, which cron implementations read differently. */
const field = '(?:[0-9*,/-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+';
const five = new RegExp(`^${field}(?: ${field}){4}$`, 'i');
const maxExpression = 256;
/** Expressions kept read; a wave of schedules has few different ones. */
const maxKnown = 1_000;
const known = new Map<string, Times>();

/** Answers the first fire time after an instant, both milliseconds; undefined when there is none ever. */
export interface Times {
  after(instant: number): number | undefined;
}

/**
 * The fire times of an expression.
 *
 * @throws Fault `scheduler.cron_invalid` or `scheduler.zone_unknown`.
 */
export function cronTimes(expression: string, zoneName: string): Times {
  const name = `${zoneName} ${expression}`;
  const before = known.get(name);
  if (before !== undefined) return before;
  const times = new CronTimes(calendarOf(expression), Zone.of(zoneName));
  if (known.size >= maxKnown) known.clear();
  known.set(name, times);
  return times;
}

interface Answer {
  readonly from: number;
  readonly at: number | undefined;
}

class CronTimes implements Times {
  readonly #calendar: Cron;
  readonly #zone: Zone;
  /** The last answers, each that of every instant from `from` until it: a schedule asks for what passed and for what comes. */
  #known: readonly Answer[] = [];

  constructor(calendar: Cron, zone: Zone) {
    this.#calendar = calendar;
    this.#zone = zone;
  }

  after(instant: number): number | undefined {
    const known = this.#known.find(({ from, at }) => from <= instant && instant < (at ?? Number.POSITIVE_INFINITY));
    if (known !== undefined) return known.at;
    const answer = { from: instant, at: this.#find(instant) };
    this.#known = [answer, ...this.#known.slice(0, 1)];
    return answer.at;
  }

  #find(instant: number): number | undefined {
    // Local times up to here have been: what is repeated behind a change back does not count again.
    const reached = Math.max(
      ...this.#zone
        .pieces(instant - reach, instant + 1)
        .map(({ offset }, index, all) => Math.min((all[index + 1]?.from ?? instant + 1) - 1, instant) + offset),
    );
    const local = this.#calendar.nextRun(new Date(Math.floor(reached / minute) * minute));
    return local === null ? undefined : this.#instantOf(local.getTime());
  }

  /** The first instant at which the clock shows this local minute or a later one. */
  #instantOf(local: number): number | undefined {
    const pieces = this.#zone.pieces(local - reach, local + reach);
    for (const [index, { from, offset }] of pieces.entries()) {
      const at = Math.max(index === 0 ? Number.NEGATIVE_INFINITY : wholeMinute(from, offset), local - offset);
      if (at < endOf(pieces, index)) return at;
    }
    return undefined;
  }
}

const endOf = (pieces: readonly Piece[], index: number): number => pieces[index + 1]?.from ?? Number.POSITIVE_INFINITY;

/** The first whole local minute of a piece. */
const wholeMinute = (from: number, offset: number): number => Math.ceil((from + offset) / minute) * minute - offset;

/** The expression over a calendar without zones: local times are read as if they were UTC. */
function calendarOf(expression: string): Cron {
  const text = expression.trim().replace(/\s+/g, ' ');
  if (text.length > maxExpression) throw cronInvalid(`it is longer than ${maxExpression} characters`);
  if (text.startsWith('@')) {
    if (!nicknames.has(text)) throw cronInvalid(`${text} is none of ${[...nicknames].join(', ')}`);
  } else if (!five.test(text)) {
    throw cronInvalid('it is not five fields of numbers, names, lists, ranges and steps');
  }
  let calendar: Cron;
  try {
    calendar = new Cron(text, { mode: '5-part', utcOffset: 0, paused: true });
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'it cannot be read';
    throw cronInvalid(why);
  }
  return calendar;
}
