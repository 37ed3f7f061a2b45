/** How a run ends, from what the edge observed. The agent's word alone never makes a success. Pure. */

import { StopReason, type Workload } from '@sallyport/contracts/runtime/v1/runtime';
import { type Committed, type Result, Verdict } from '@sallyport/contracts/unit/v1/event';
import { type Ending, plainText } from '../runs/run.ts';

export interface Outcome {
  readonly run: 'complete' | 'fail' | 'cancel';
  /** Stable word. */
  readonly reason: string;
  /** Sentence for people. */
  readonly message: string;
  readonly ending: Ending;
}

const maxReply = 64 * 1024;
const maxMessage = 2_000;

const nothing: Ending = { verdict: Verdict.UNSPECIFIED, exitCode: undefined, reply: '', commits: [] };

export const failure = (reason: string, message: string): Outcome => ({
  run: 'fail',
  reason,
  message: plainText(message, maxMessage),
  ending: { ...nothing, verdict: Verdict.FAILED },
});

export const cancellation = (why: string): Outcome => ({
  run: 'cancel',
  reason: 'cancelled',
  message: plainText(why, maxMessage),
  ending: { ...nothing, verdict: Verdict.CANCELLED },
});

/** Words for verdicts other than success. */
const verdictReasons: Readonly<Partial<Record<Verdict, string>>> = {
  [Verdict.FAILED]: 'agent_failed',
  [Verdict.BLOCKED]: 'agent_blocked',
  [Verdict.CANCELLED]: 'agent_cancelled',
  [Verdict.BUDGET_EXHAUSTED]: 'budget_exhausted',
  [Verdict.RUNNER_ERROR]: 'runner_error',
};

/** Stop reasons that fail a run by themselves. */
const failing: Readonly<Partial<Record<StopReason, string>>> = {
  [StopReason.IDLE_TIMEOUT]: 'idle_timeout',
  [StopReason.MAX_LIFETIME]: 'max_lifetime',
  [StopReason.OOM]: 'oom',
  [StopReason.START_FAILED]: 'start_failed',
  [StopReason.LOST]: 'lost',
};

export interface Closing {
  readonly result: Result | undefined;
  readonly commits: readonly Committed[];
  /** Whether a person wished it stopped, and what they said. */
  readonly wished: boolean;
  readonly why: string;
}

/** The outcome of a stopped workload. */
export function outcomeOf(workload: Workload, closing: Closing): Outcome {
  const ending = endingOf(workload, closing);
  const message = plainText(workload.reason, maxMessage);
  const { verdict } = ending;
  const unsaid = verdict === Verdict.UNSPECIFIED || verdict === Verdict.SUCCEEDED;
  if (workload.stopReason === StopReason.STOPPED) {
    // Unless a person wished it, somebody at the edge stopped it, or the edge itself did: its own words say who.
    const reason = closing.wished ? 'cancelled' : 'stopped';
    return {
      run: 'cancel',
      reason,
      message: closing.why || message,
      ending: { ...ending, verdict: Verdict.CANCELLED },
    };
  }
  if (workload.stopReason === StopReason.COMPLETED && unsaid) {
    return { run: 'complete', reason: 'completed', message: '', ending: { ...ending, verdict: Verdict.SUCCEEDED } };
  }
  const reason = failing[workload.stopReason] ?? verdictReasons[verdict] ?? 'exit_nonzero';
  return { run: 'fail', reason, message, ending: { ...ending, verdict: unsaid ? Verdict.FAILED : verdict } };
}

const endingOf = (workload: Workload, { result, commits }: Closing): Ending => ({
  verdict: result?.verdict ?? Verdict.UNSPECIFIED,
  exitCode: workload.exitCode ?? result?.exitCode,
  reply: cut(result?.reply ?? ''),
  commits,
});

const cut = (reply: string): string => (reply.length <= maxReply ? reply : reply.slice(0, maxReply).toWellFormed());
