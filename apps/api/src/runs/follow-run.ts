/**
 * A run's events from a cursor to its end, without a gap and without a duplicate.
 *
 * History is the authority and the bus is the fast path: the tail is heard before history is read, what continues the
 * cursor is passed on, and whenever something is missing history is read again. Transitions are levels; a reader gets
 * the one that holds at its start and each later one.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Run } from '@sallyport/contracts/schedule/v1/schedule';
import type { UnitEvent } from '@sallyport/contracts/unit/v1/event';
import type { Clock } from '@sallyport/core/clock';
import type { Listening } from '../live.ts';
import { LiveTail } from './live-tail.ts';
import { transitionId } from './run-events.ts';
import { hasEnded } from './run-state.ts';

/** Where a run's events come from. Every read is made with the reader's own authority. */
export interface RunSource {
  run(): Promise<Run>;
  page(afterSeq: bigint): Promise<{ readonly events: readonly UnitEvent[]; readonly end: boolean }>;
  onRun(listener: (run: Run) => void): Listening;
  onOutput(dispatch: string, listener: (event: UnitEvent) => void): Listening;
}

export type Followed =
  | {
      readonly kind: 'output';
      readonly event: UnitEvent;
      /** Whether it came live, so that other readers may hold the same. */
      readonly shared: boolean;
    }
  | { readonly kind: 'run'; readonly run: Run }
  | { readonly kind: 'lagged'; readonly cursor: bigint }
  | { readonly kind: 'end'; readonly run: Run };

export interface FollowOptions {
  readonly after: bigint;
  readonly signal: AbortSignal;
  /** Milliseconds after which a stream asks again, silent or not, which also proves that the reader may still read. */
  readonly recheckMs: number;
  readonly clock: Clock;
}

const patienceMs = { first: 20, most: 1_000 } as const;

const since = (run: Run): number => (run.since === undefined ? 0 : timestampMs(run.since));

export async function* followRun(source: RunSource, options: FollowOptions): AsyncGenerator<readonly Followed[]> {
  const follower = new Follower(source, options);
  options.signal.addEventListener('abort', () => follower.tail.bell.ring(), { once: true });
  try {
    yield* follower.follow();
  } finally {
    follower.close();
  }
}

class Follower {
  readonly tail = new LiveTail();
  private readonly source: RunSource;
  private readonly options: FollowOptions;
  private readonly runs: Listening;
  private output: Listening | undefined;
  private heardRun: Run | undefined;
  private run: Run | undefined;
  private dispatch = '';
  private shown = '';
  private cursor: bigint;
  private patience: number = patienceMs.first;
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(source: RunSource, options: FollowOptions) {
    this.source = source;
    this.options = options;
    this.cursor = options.after;
    this.runs = source.onRun((run) => this.hear(run));
  }

  async *follow(): AsyncGenerator<readonly Followed[]> {
    await this.runs.ready;
    await this.look();
    let behind = true;
    while (!this.options.signal.aborted) {
      const { dispatch } = this;
      const transition = await this.observeRun();
      if (transition.length > 0) yield transition;
      if (behind || this.dispatch !== dispatch) {
        const page = await this.source.page(this.cursor);
        this.askedAt = this.options.clock.monotonic();
        this.tail.learn(page.events, this.cursor);
        const fresh = this.advance(page.events, false);
        if (fresh.length > 0) yield fresh;
        if (page.end) return yield* this.finish();
        behind = fresh.length > 0 || this.isMissing();
        if (fresh.length === 0 && behind) await this.backOff();
        continue;
      }
      // The bus asks nobody: without this a reader of a run that never falls silent would never be checked.
      if (this.options.clock.monotonic() - this.askedAt >= this.options.recheckMs) await this.look();
      const { events, overflowed } = this.tail.take(this.cursor);
      if (overflowed) yield [{ kind: 'lagged', cursor: this.cursor }];
      const fresh = this.advance(events, true);
      if (fresh.length > 0) yield fresh;
      behind = overflowed || this.isMissing() || (fresh.length === 0 && (await this.rest()));
    }
  }

  close(): void {
    this.runs.stop();
    this.output?.stop();
  }

  /** Whether something was heard of that has not been passed on, or the run is over and its end is not in sight. */
  private isMissing(): boolean {
    return this.tail.isAhead(this.cursor) || (this.run !== undefined && hasEnded(this.run));
  }

  /** Waits for news; true when there was none and it is time to read history again, with a fresh look at the run. */
  private async rest(): Promise<boolean> {
    if ((await this.tail.bell.wait(this.options.recheckMs)) || this.options.signal.aborted) return false;
    await this.look();
    return true;
  }

  /** A fresh look at the run, which is refused to who may not read any more. */
  private async look(): Promise<void> {
    this.hear(await this.source.run());
    this.askedAt = this.options.clock.monotonic();
  }

  /** Keeps the newest state heard of: events may come late and twice. */
  private hear(run: Run): void {
    const known = this.heardRun ?? this.run;
    if (known !== undefined && (since(run) < since(known) || (hasEnded(known) && !hasEnded(run)))) return;
    this.heardRun = run;
    this.tail.bell.ring();
  }

  private async backOff(): Promise<void> {
    // What is heard meanwhile does not hasten it: a reader whose sequence lies ahead must not cost a question for each event.
    await sleep(this.patience, undefined, { signal: this.options.signal }).catch(() => undefined);
    this.patience = Math.min(patienceMs.most, this.patience * 2);
  }

  /** Passes the cursor over whatever lies beyond it. */
  private advance(events: readonly UnitEvent[], shared: boolean): Followed[] {
    const fresh = events.filter((event) => event.seq > this.cursor);
    const last = fresh.at(-1);
    if (last === undefined) return [];
    this.cursor = last.seq;
    this.patience = patienceMs.first;
    return fresh.map((event) => ({ kind: 'output', event, shared }));
  }

  /** Takes in the newest state heard of, and listens to the attempt it names. */
  private async observeRun(): Promise<Followed[]> {
    const run = this.heardRun;
    this.heardRun = undefined;
    if (run === undefined) return [];
    if (run.dispatch !== '' && run.dispatch !== this.dispatch) await this.listen(run.dispatch);
    this.run = run;
    return this.show(run);
  }

  private show(run: Run): Followed[] {
    const id = transitionId(run);
    if (id === this.shown) return [];
    this.shown = id;
    return [{ kind: 'run', run }];
  }

  private async listen(dispatch: string): Promise<void> {
    this.output?.stop();
    this.tail.reset();
    this.dispatch = dispatch;
    this.output = this.source.onOutput(dispatch, (event) => this.tail.push(event));
    await this.output.ready;
  }

  private async *finish(): AsyncGenerator<readonly Followed[]> {
    const run = await this.source.run();
    yield [...this.show(run), { kind: 'end', run }];
  }
}
