/** Which states of a run are final. */

import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';

const ended: ReadonlySet<RunState> = new Set([
  RunState.COMPLETED,
  RunState.FAILED,
  RunState.CANCELLED,
  RunState.SKIPPED,
]);

export const hasEnded = (run: Run): boolean => ended.has(run.state);

/** States of work that is not over, for `?active=1`. */
export const activeStates: readonly RunState[] = [
  RunState.PLANNING,
  RunState.QUEUED,
  RunState.RUNNING,
  RunState.BLOCKED,
];
