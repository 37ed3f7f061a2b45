/**
 * The life of a workload, as observed.
 *
 * What somebody asked for (`ending` in the record) is not a state. `exit` is the substrate's word that the process tree is
 * gone; `vanish` is its word that nothing is left to ask. A failure to observe is neither.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const workloadMachine = defineMachine({
  starting: { ready: 'running', stop: 'stopping', fail: 'stopped' },
  running: { stop: 'stopping', exit: 'stopped', vanish: 'stopped' },
  stopping: { exit: 'stopped', vanish: 'stopped' },
  stopped: { reclaim: 'destroyed' },
  destroyed: {},
});

export type WorkloadState = StateOf<typeof workloadMachine>;
export type WorkloadEvent = EventOf<typeof workloadMachine>;

/** Every reason a workload may be stopped for. */
export const stopWords = [
  'completed',
  'failed',
  'stopped',
  'idle_timeout',
  'max_lifetime',
  'oom',
  'start_failed',
  'lost',
] as const;

export type StopWord = (typeof stopWords)[number];

/** Reasons somebody outside the workload may end it for: a caller, a clock, or the platform itself. */
export const endWords = ['stopped', 'idle_timeout', 'max_lifetime', 'failed'] as const satisfies readonly StopWord[];

export type EndWord = (typeof endWords)[number];

/** Which reasons each move to `stopped` may carry, by the state it leaves. */
export const reasonsOf: {
  readonly [S in Exclude<WorkloadState, 'stopped' | 'destroyed'>]: Partial<Record<WorkloadEvent, readonly StopWord[]>>;
} = {
  starting: { fail: ['start_failed', 'oom', 'lost'] },
  running: { exit: ['completed', 'failed', 'oom', 'max_lifetime'], vanish: ['lost'] },
  stopping: { exit: ['stopped', 'idle_timeout', 'max_lifetime', 'failed', 'oom', 'start_failed'], vanish: ['lost'] },
};

/** Whether a move may carry a stop reason: one is demanded exactly by the moves that end a workload. */
export function mayCarry(state: WorkloadState, event: WorkloadEvent, reason: StopWord | undefined): boolean {
  const table: Partial<Record<WorkloadState, Partial<Record<WorkloadEvent, readonly StopWord[]>>>> = reasonsOf;
  const legal = table[state]?.[event];
  if (legal === undefined) return reason === undefined;
  return reason !== undefined && legal.includes(reason);
}
