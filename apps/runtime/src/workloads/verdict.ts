/** How an agent's work ended, from evidence: the exit of its sandbox first, its own word second. Pure. */

import { clone, create } from '@bufbuild/protobuf';
import { type Result, ResultSchema, Verdict } from '@sallyport/contracts/unit/v1/event';
import type { Exit } from '../backends/backend.ts';
import type { StopWord } from './workload.machine.ts';

export type Gone = Exclude<Exit, { state: 'running' }>;

const maxReply = 64 * 1024;

/** The stop reason of a workload that went by itself. */
export function stopReasonOf(gone: Gone): StopWord {
  if (gone.state === 'lost') return 'lost';
  if (gone.oom) return 'oom';
  if (gone.deadline) return 'max_lifetime';
  return gone.code === 0 ? 'completed' : 'failed';
}

/**
 * The result told to the scheduler. A success is believed only of a sandbox that ended well by itself and whose command did; a
 * runner that said nothing is a runner error.
 */
export function resultOf(gone: Gone, stopped: StopWord, said: Result | undefined): Result {
  const exitCode = said?.exitCode ?? (gone.state === 'exited' ? gone.code : -1);
  const result = said === undefined ? create(ResultSchema, { exitCode }) : clone(ResultSchema, said);
  result.reply = result.reply.slice(0, maxReply);
  result.verdict = verdictOf(stopped, said);
  return result;
}

function verdictOf(stopped: StopWord, said: Result | undefined): Verdict {
  switch (stopped) {
    case 'completed':
    case 'failed':
      break;
    case 'stopped':
      return Verdict.CANCELLED;
    case 'idle_timeout':
    case 'max_lifetime':
      return Verdict.BUDGET_EXHAUSTED;
    default:
      return Verdict.FAILED;
  }
  if (said === undefined || said.verdict === Verdict.UNSPECIFIED) return Verdict.RUNNER_ERROR;
  if (said.verdict !== Verdict.SUCCEEDED) return said.verdict;
  return stopped === 'completed' && said.exitCode === 0 ? Verdict.SUCCEEDED : Verdict.FAILED;
}
