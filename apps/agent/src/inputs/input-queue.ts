/**
 * What is still to be done by a dispatch: one input at a time, in the order they were said, each once.
 *
 * An input that comes again is known by its id. A cancel acts at once, on what is worked on or on what waits; a leave waits for what
 * was said before it.
 */

import type { Input } from './control.ts';

export type TextInput = Extract<Input, { kind: 'text' }>;

/** What comes next: an input, or the end of the dispatch and why. */
export type Next = TextInput | { readonly kind: 'leave' | 'idle' | 'stop' };

export interface QueueEvents {
  /** Ends the input that is worked on. */
  readonly stopCurrent: () => void;
  /** An input ended without having been worked on, or did what it was for. */
  readonly ended: (input: string, done: boolean) => void;
}

export class InputQueue {
  private readonly events: QueueEvents;
  private readonly seen = new Set<string>();
  private readonly cancelled = new Set<string>();
  private waiting: (TextInput | Extract<Input, { kind: 'leave' }>)[] = [];
  private current: string | undefined;
  private stopped = false;
  private wake: (() => void) | undefined;

  /** The task is the first input; it is worked on from the start. */
  constructor(task: string, events: QueueEvents) {
    this.events = events;
    this.seen.add(task);
    this.current = task;
  }

  take(input: Input): void {
    if (this.seen.has(input.id)) return;
    this.seen.add(input.id);
    if (input.kind === 'cancel') this.cancel(input.id, input.target);
    else if (this.stopped || this.waiting.some(({ kind }) => kind === 'leave')) this.events.ended(input.id, false);
    else this.waiting.push(input);
    this.wake?.();
  }

  /** Nothing more is worked on: the platform ends the dispatch. */
  stop(): void {
    this.stopped = true;
    if (this.current !== undefined) this.events.stopCurrent();
    this.wake?.();
  }

  /** The one worked on has ended; answers what comes next, at the latest after so many milliseconds without input. */
  async next(idleMillis: number): Promise<Next> {
    this.current = undefined;
    if (!this.stopped && this.waiting.length === 0) await this.sleep(idleMillis);
    if (this.stopped) return { kind: 'stop' };
    const input = this.waiting.shift();
    if (input === undefined) return { kind: 'idle' };
    if (input.kind === 'text') {
      this.current = input.id;
      return input;
    }
    this.events.ended(input.id, true);
    return { kind: 'leave' };
  }

  /** Whatever still waits is ended undone, as is what comes from now on. */
  close(): void {
    this.stopped = true;
    this.current = undefined;
    for (const { id } of this.waiting.splice(0)) this.events.ended(id, false);
  }

  /** Whether an input was told to stop, also before its runner was there to hear it. */
  isStopped(input: string): boolean {
    return this.stopped || this.cancelled.has(input);
  }

  private cancel(id: string, target: string): void {
    const at = this.waiting.findIndex((waiting) => waiting.id === target);
    const isCurrent = this.current !== undefined && (target === '' || target === this.current);
    if (isCurrent) {
      this.cancelled.add(this.current ?? target);
      this.events.stopCurrent();
    } else if (at !== -1) {
      this.waiting.splice(at, 1);
      this.events.ended(target, false);
    }
    this.events.ended(id, isCurrent || at !== -1);
  }

  private sleep(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = millis > 0 ? setTimeout(resolve, Math.min(millis, 2 ** 31 - 1)) : undefined;
      this.wake = () => {
        // A cancel that found nothing is no reason to go on waiting from anew, nor to stop waiting.
        if (!this.stopped && this.waiting.length === 0) return;
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }
}
