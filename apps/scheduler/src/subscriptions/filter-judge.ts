/** Judges events by the expressions of subscriptions. The time it takes is the org's: one org's costly expressions delay only its own. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { filtersBusy } from '../faults.ts';
import { FilterLane } from './filter-lane.ts';
import type { Judged, Verdict } from './filter-words.ts';

/** Milliseconds of evaluation an org may use at once, and what it gets back per second. */
const burstMs = 10_000;
const refillMs = 250;
const maxOrgs = 10_000;

@Injectable()
export class FilterJudge {
  readonly #lane: FilterLane;
  /** What each org has used of late, and when that was. */
  readonly #used = new Map<string, { readonly ms: number; readonly at: number }>();

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
    if (this.#usedBy(org) >= burstMs) throw filtersBusy();
    const answers = await this.#lane.ask({ kind: 'judge', event, expressions }, (took) => this.#use(org, took));
    return answers.map((said) => (said === 'yes' || said === 'no' ? said : 'costly'));
  }

  /** What is wrong with an expression; undefined when nothing is. */
  async check(org: string, expression: string): Promise<string | undefined> {
    if (this.#usedBy(org) >= burstMs) throw filtersBusy();
    const [said] = await this.#lane.ask({ kind: 'check', expressions: [expression] }, (took) => this.#use(org, took));
    if (said === undefined) return 'it takes too long to read';
    return said === '' ? undefined : said;
  }

  close(): Promise<void> {
    return this.#lane.close();
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
    const oldest = this.#used.keys().next();
    if (this.#used.size > maxOrgs && oldest.done === false) this.#used.delete(oldest.value);
  }
}
