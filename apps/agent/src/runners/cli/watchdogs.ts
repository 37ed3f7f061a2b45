/** Bounds on programs that hang, which some do for good: after a tool's result, and after their own closing word. */

import type { Forced } from './evidence.ts';

export interface Patience {
  /** Milliseconds without a line while the program waits for its model. */
  readonly stallMillis: number;
  /** Milliseconds from its closing word to its end. */
  readonly lingerMillis: number;
}

export const usualPatience: Patience = { stallMillis: 600_000, lingerMillis: 10_000 };

/** Patience that ends before the workload's own idle limit does, so that the cause is told and the conversation kept; 0 or less is no limit. */
export const patienceWithin = (idleSeconds: number, patience = usualPatience): Patience =>
  idleSeconds <= 0 ? patience : { ...patience, stallMillis: Math.min(patience.stallMillis, idleSeconds * 750) };

/** Ends a program at most once, for the first reason that comes up. */
export class Watchdogs {
  /** Why the program was ended; undefined when it ended by itself. */
  forced: Forced | undefined;
  private readonly patience: Patience;
  private readonly end: () => void;
  private readonly openCalls = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private closing = false;

  constructor(patience: Patience, end: () => void) {
    this.patience = patience;
    this.end = end;
    this.arm();
  }

  /** The program said something. */
  heard(): void {
    if (!this.closing) this.arm();
  }

  /** While a tool runs, silence is the tool's, and the workload's own idle limit holds. */
  toolStarted(call: string): void {
    this.openCalls.add(call);
    this.heard();
  }

  toolEnded(call: string): void {
    this.openCalls.delete(call);
    this.heard();
  }

  /** What could not be read may have been the end of any call: from now on, silence is the model's. */
  lostTrack(): void {
    this.openCalls.clear();
    this.heard();
  }

  /** The program gave its closing word and is expected to go. */
  closed(): void {
    if (this.closing) return;
    this.closing = true;
    this.set(this.patience.lingerMillis, 'lingered');
  }

  force(reason: Forced): void {
    if (this.forced !== undefined) return;
    this.forced = reason;
    this.end();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.openCalls.size === 0) this.set(this.patience.stallMillis, 'stalled');
  }

  private set(millis: number, reason: Forced): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.force(reason), millis);
  }
}
