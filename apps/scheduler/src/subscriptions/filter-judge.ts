/** Judges events by the expressions of subscriptions. The time it takes is the org's: one org's costly expressions delay only its own. */

import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { filtersBusy } from '../faults.ts';
import { type Answers, FilterLane } from './filter-lane.ts';
import type { Ask, Judged, Verdict } from './filter-words.ts';

/** Milliseconds of evaluation an org may use at once, and what it gets back per second. */
const burstMs = 10_000;
const refillMs = 250;
const maxOrgs = 10_000;
/** Questions that were left half answered, over all orgs, of which the answers are kept. */
const maxHalves = 1_000;
/** Expressions of one event that are judged before another org has its turn. */
const together = 4;

@Injectable()
export class FilterJudge {
  readonly #lane: FilterLane;
  /** What each org has used of late, and when that was. */
  readonly #used = new Map<string, { readonly ms: number; readonly at: number }>();
  /** The last question of each org that is not answered: one at a time is in the lane, so that orgs take turns. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /** Answers to the first expressions of questions that used up their org's time: asked again, they go on and do not start over. */
  readonly #halves = new Map<string, Answers>();

  constructor(private readonly clock: Clock) {
    this.#lane = new FilterLane(clock);
  }

  /**
   * A verdict for each expression.
   *
   * @throws Fault `scheduler.filters_busy` when the org has used up its time; it gets more as time passes.
   */
  async judge(org: string, event: Judged, expressions: readonly string[]): Promise<readonly Verdict[]> {
    if (expressions.length === 0) return [];
    const answers = await this.#ask(org, { kind: 'judge', event, expressions });
    return answers.map((said) => (said === 'yes' || said === 'no' ? said : 'costly'));
  }

  /** What is wrong with an expression; undefined when nothing is. */
  async check(org: string, expression: string): Promise<string | undefined> {
    const [said] = await this.#ask(org, { kind: 'check', expressions: [expression] });
    if (said === undefined) return 'it takes too long to read';
    return said === '' ? undefined : said;
  }

  close(): Promise<void> {
    return this.#lane.close();
  }

  /** Waits for the org's turn. What it asks at once goes into the lane in small parts, between which others are heard. */
  async #ask(org: string, ask: Ask): Promise<Answers> {
    const turn = (this.#turns.get(org) ?? Promise.resolve()).then(() => this.#inParts(org, ask));
    const settled = turn.catch(() => undefined);
    this.#turns.set(org, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(org) === settled) this.#turns.delete(org);
    }
  }

  async #inParts(org: string, ask: Ask): Promise<Answers> {
    if (this.#usedBy(org) >= burstMs) throw filtersBusy();
    const key = ask.expressions.length > together ? keyOf(org, ask) : '';
    const answers = [...(this.#halves.get(key) ?? [])];
    this.#halves.delete(key);
    while (answers.length < ask.expressions.length) {
      if (this.#usedBy(org) >= burstMs) {
        this.#halves.set(key, answers);
        dropOldest(this.#halves, maxHalves);
        throw filtersBusy();
      }
      const part = { ...ask, expressions: ask.expressions.slice(answers.length, answers.length + together) };
      answers.push(...(await this.#lane.ask(part, (took) => this.#use(org, took))));
    }
    return answers;
  }

  #usedBy(org: string): number {
    const used = this.#used.get(org);
    if (used === undefined) return 0;
    return Math.max(0, used.ms - ((this.clock.monotonic() - used.at) / 1000) * refillMs);
  }

  #use(org: string, tookMs: number): void {
    const ms = this.#usedBy(org) + tookMs;
    this.#used.delete(org);
    this.#used.set(org, { ms, at: this.clock.monotonic() });
    dropOldest(this.#used, maxOrgs);
  }
}

function dropOldest(from: Map<string, unknown>, most: number): void {
  const oldest = from.keys().next();
  if (from.size > most && oldest.done === false) from.delete(oldest.value);
}

/** The same for the same question alone. */
function keyOf(org: string, { expressions, ...about }: Ask): string {
  const { data = new Uint8Array(), ...event } = about.kind === 'judge' ? about.event : {};
  const words = JSON.stringify([org, about.kind, event, expressions]);
  return createHash('sha256').update(words).update('\0').update(data).digest('base64');
}
