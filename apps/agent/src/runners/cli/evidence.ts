/** The verdict on one turn of a coding agent: from what was seen of it, never from its exit code or its words alone. */

import type { Verdict } from '../../event.ts';
import { exitCodeOf } from '../exec.ts';
import type { Exit } from '../process-group.ts';
import type { Outcome } from '../runner.ts';

/** A program's own closing word for a turn. */
export type Closing =
  | { readonly kind: 'done' }
  /** It says itself that the turn did not go well. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Its bound on model turns or money is used up. */
  | { readonly kind: 'budget'; readonly message: string }
  /** The model did not answer as it should; `status` is the HTTP status when there was one. */
  | { readonly kind: 'model'; readonly message: string; readonly status?: number; readonly denied?: boolean };

/** How the framework had to end a program that did not end by itself. */
export type Forced = 'stopped' | 'stalled' | 'lingered';

/** Everything that was seen of one turn. */
export interface Evidence {
  readonly exit: Exit;
  readonly forced: Forced | undefined;
  readonly closing: Closing | undefined;
  readonly reply: string;
  /** The last tool call that ended was refused, and nothing succeeded after it. */
  readonly refusedLast: boolean;
}

/** A verdict with the error to tell, when there is one. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly message?: string;
}

const judged = (verdict: Verdict, reason?: string, message?: string): Judgement => ({
  verdict,
  ...(reason !== undefined && { reason }),
  ...(message !== undefined && { message }),
});

/** A status that another try may change; the program has had its tries. */
const passing = (status: number | undefined): boolean =>
  status === undefined || status === 408 || status === 429 || status >= 500;

function ofModel({ message, status, denied }: Extract<Closing, { kind: 'model' }>): Judgement {
  if (denied === true) return judged('VERDICT_BLOCKED', 'model.denied', message);
  if (!passing(status)) return judged('VERDICT_FAILED', 'model.refused', message);
  if (status === undefined) return judged('VERDICT_RUNNER_ERROR', 'model.unreachable', message);
  return judged('VERDICT_RUNNER_ERROR', status === 429 ? 'model.busy' : 'model.failing', message);
}

const shown = (exit: Exit): string =>
  exit.kind === 'exited'
    ? `exit code ${exit.code}`
    : exit.kind === 'signalled'
      ? exit.signal
      : `it could not be started: ${exit.error}`;

/** Pure, and total: whatever was seen has a verdict. */
export function judge({ exit, forced, closing, refusedLast }: Evidence): Judgement {
  if (forced === 'stopped') return judged('VERDICT_CANCELLED');
  if (forced === 'stalled') {
    return judged(
      'VERDICT_RUNNER_ERROR',
      'runner.stalled',
      'the program said nothing more while it waited for its model',
    );
  }
  if (closing === undefined) {
    return judged(
      'VERDICT_RUNNER_ERROR',
      'runner.no_result',
      `the program ended without a closing word (${shown(exit)})`,
    );
  }
  switch (closing.kind) {
    case 'model':
      return ofModel(closing);
    case 'budget':
      return judged('VERDICT_BUDGET_EXHAUSTED', 'runner.budget_exhausted', closing.message);
    case 'failed':
      return judged('VERDICT_FAILED', 'runner.failed', closing.message);
    case 'done':
      break;
  }
  if (refusedLast) {
    return judged('VERDICT_BLOCKED', 'runner.tool_refused', 'the last tool the agent called was refused');
  }
  // A program that says it is done and does not go is ended for it; its exit then says nothing.
  if (forced !== 'lingered' && exitCodeOf(exit) !== 0) {
    return judged(
      'VERDICT_FAILED',
      'runner.failed',
      `the program said it was done and ended otherwise (${shown(exit)})`,
    );
  }
  return judged('VERDICT_SUCCEEDED');
}

/** What the supervisor is told. */
export function outcomeOf(evidence: Evidence, { verdict }: Judgement): Outcome {
  const code = exitCodeOf(evidence.exit);
  return { verdict, reply: evidence.reply, exitCode: verdict === 'VERDICT_SUCCEEDED' ? 0 : code || 1 };
}
