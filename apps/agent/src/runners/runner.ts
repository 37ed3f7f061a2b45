/** The port between the supervisor and whatever drives an agent. */

import type { AgentEvent, Verdict } from '../event.ts';
import type { SessionFile } from '../sessions/session-file.ts';
import type { Work } from '../work.ts';

/** What a runner says about itself before anything is asked of it. */
export interface Probe {
  readonly runner: string;
  readonly version: string;
  readonly features: readonly string[];
  /** What it would need and does not find; empty when it can run. */
  readonly missing: readonly string[];
}

/** Takes an event; awaiting it is the backpressure. */
export type Emit = (event: AgentEvent) => Promise<void>;

/** The closing word of one input: decided from what happened, never from what the agent claims. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly reply: string;
  readonly exitCode: number;
  /** The conversation as it stands now, to be saved; absent when there is nothing to go on from. */
  readonly conversation?: SessionFile;
}

/** One input under way. */
export interface Running {
  /** Never rejects. */
  readonly ended: Promise<Outcome>;
  /** Ends the runner and every process it started within two seconds; a second call changes nothing. */
  stop(): void;
}

export interface Runner {
  readonly name: string;
  /** Runs once, asks for no task and has no conversation: its dispatch never stays. */
  readonly once?: boolean;
  /** Answers within a second. */
  probe(): Promise<Probe>;
  /** Called for one input at a time; the next comes when this one has ended. */
  start(work: Work, emit: Emit): Running;
}
