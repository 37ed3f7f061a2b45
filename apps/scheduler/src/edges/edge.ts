/** An edge as the scheduler keeps it. */

import { EdgeState, type RunnerDescription } from '@sallyport/contracts/schedule/v1/schedule';
import { type EdgeMove, type EdgeStateName, edgeMachine } from './edge.machine.ts';

export interface Edge {
  readonly id: string;
  readonly state: EdgeStateName;
  readonly reason: string;
  readonly since: number;
  readonly version: number;
  readonly runners: readonly string[];
  readonly profiles: readonly string[];
  /** Workloads it takes at a time. */
  readonly capacity: number;
  readonly seenAt: number;
  /** What it found of each runner when it looked. */
  readonly descriptions: readonly RunnerDescription[];
}

export const edgeStateWire = {
  enrolling: EdgeState.ENROLLING,
  active: EdgeState.ACTIVE,
  quarantined: EdgeState.QUARANTINED,
  draining: EdgeState.DRAINING,
  gone: EdgeState.GONE,
} as const satisfies Record<EdgeStateName, EdgeState>;

/** The edge after a move of its machine. */
export function movedEdge(edge: Edge, move: EdgeMove, reason: string, now: number): Edge {
  const state = edgeMachine.next(edge.state, move);
  if (state === undefined) throw new Error(`edge ${edge.id} is ${edge.state}: ${move} is no move of it`);
  return { ...edge, state, reason, since: now };
}

/** Heard again after it counted as gone: it enrols and, known to the bus by its own user, is active. */
export const revived = (edge: Edge, reason: string, now: number): Edge => {
  const enrolling = edge.state === 'gone' ? movedEdge(edge, 'enrol', reason, now) : edge;
  return enrolling.state === 'enrolling' ? movedEdge(enrolling, 'activate', reason, now) : enrolling;
};
