/**
 * One process for expressions, and the clock over it: what is not answered in time ends the process and counts as too costly, and so
 * does what the process ends of.
 *
 * An expression that overruns gets one more try with more time and a fresh process, so that a busy machine is not taken for a costly
 * expression.
 */

import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@sallyport/core/clock';
import { boundedProcess } from './filter-process.ts';
import type { Ask, Told } from './filter-words.ts';

/** Milliseconds for one expression: at first, and when it is tried again. */
type Budgets = readonly [first: number, again: number];

/** Answers of an ask, one each; undefined where there was none in time. */
export type Answers = readonly (string | undefined)[];

interface Waiting {
  readonly ask: Ask;
  readonly took: (ms: number) => void;
  readonly done: (answers: Answers) => void;
  readonly failed: (error: unknown) => void;
}

/** The bundle holds the process's code beside the service's; the sources hold it beside this file. */
const code = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './filter-worker.ts' : './scheduler-filter.mjs', import.meta.url),
);

const closed = (): Error => new Error('the process that judges expressions was ended');

export class FilterLane {
  readonly #queue: Waiting[] = [];
  #worker: ChildProcess | undefined;
  #busy = false;
  #closed = false;
  readonly #clock: Clock;
  readonly #budgets: Budgets;

  constructor(clock: Clock, budgets: Budgets = [250, 2_000]) {
    this.#clock = clock;
    this.#budgets = budgets;
  }

  /** Asks one after another, in the order they came; `took` hears the milliseconds it cost. Rejects when no process can be had, and when it is closed first. */
  ask(ask: Ask, took: (ms: number) => void = () => undefined): Promise<Answers> {
    return new Promise((done, failed) => {
      this.#queue.push({ ask, took, done, failed });
      void this.#drain();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #drain(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const started = this.#clock.monotonic();
      // What it cost is known before its answer: who asks on that answer is counted with it.
      const told = this.#answer(next.ask).finally(() => next.took(this.#clock.monotonic() - started));
      await told.then(next.done, next.failed);
    }
    this.#busy = false;
  }

  async #answer(ask: Ask): Promise<Answers> {
    const answers: (string | undefined)[] = ask.expressions.map(() => undefined);
    const [first, second] = this.#budgets;
    let open = answers.map((_, index) => index);
    const overran: number[] = [];
    while (open.length > 0) {
      await this.#part(ask, open, answers, first);
      const stuck = open.find((index) => answers[index] === undefined);
      if (stuck === undefined) break;
      overran.push(stuck);
      open = open.filter((index) => index > stuck);
    }
    for (const index of overran) await this.#part(ask, [index], answers, second);
    return answers;
  }

  /** Has some of the expressions answered; stops at the first that overruns. */
  async #part(ask: Ask, open: readonly number[], answers: (string | undefined)[], budgetMs: number): Promise<void> {
    const worker = await this.#started();
    await new Promise<void>((resolve) => {
      let left = open.length;
      const stop = (): void => {
        clearTimeout(timer);
        worker.off('message', onTold).off('exit', stop);
        resolve();
      };
      const late = (): void => {
        const at = left;
        // What was said while this process was busy is heard before the other one is judged.
        setImmediate(() => setImmediate(() => (left === at ? void this.#end().then(stop) : undefined)));
      };
      let timer = setTimeout(late, budgetMs);
      const onTold = ({ index, said }: Told): void => {
        clearTimeout(timer);
        answers[open[index] ?? -1] = said;
        left -= 1;
        if (left === 0) stop();
        else timer = setTimeout(late, budgetMs);
      };
      worker.on('message', onTold).once('exit', stop);
      // One that cannot be told any more is about to exit, or is ended when the time is over.
      worker.send({ ...ask, expressions: open.map((index) => ask.expressions[index]) }, () => undefined);
    });
    // What was not said because of the end says nothing about the expressions.
    if (this.#closed) throw closed();
  }

  async #started(): Promise<ChildProcess> {
    if (this.#closed) throw closed();
    if (this.#worker !== undefined) return this.#worker;
    const worker = boundedProcess(code);
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
    await new Promise<void>((ready, failed) => {
      worker.once('message', () => ready());
      worker.once('exit', () => failed(new Error('the process that judges expressions ended at its start')));
      worker.on('error', (error) => {
        // It never came to be, so that it has no exit.
        if (worker.pid === undefined && this.#worker === worker) this.#worker = undefined;
        failed(error);
      });
    });
    return worker;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker?.pid === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.kill('SIGKILL');
    await gone;
  }
}
