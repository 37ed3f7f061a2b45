/** The life of a task: what was asked of an agent, as far as it is known to have reached it. */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const taskMachine = defineMachine({
  submitted: { deliver: 'delivered', reject: 'delivery_failed', cancel: 'cancelled' },
  delivered: { begin: 'running', reject: 'delivery_failed', cancel: 'cancelled' },
  running: { compact: 'compacting', complete: 'completed', fail: 'failed', cancel: 'cancelled' },
  compacting: { resume: 'running', complete: 'completed', fail: 'failed', cancel: 'cancelled' },
  completed: {},
  failed: {},
  cancelled: {},
  delivery_failed: {},
});

export type TaskStateName = StateOf<typeof taskMachine>;
export type TaskMove = EventOf<typeof taskMachine>;

/** How far an observation shows that a task came. */
export type TaskMilestone = 'delivered' | 'running' | 'completed' | 'failed' | 'cancelled';

/**
 * The moves that bring a task to a milestone. Reports may skip steps (a workload that ends at once), the table may not: the steps in
 * between are taken too. A task that fails before an agent was seen at work on it is `delivery_failed`.
 */
export function movesTo(state: TaskStateName, milestone: TaskMilestone): readonly TaskMove[] {
  if (taskMachine.isTerminal(state)) return [];
  switch (milestone) {
    case 'delivered':
      return state === 'submitted' ? ['deliver'] : [];
    case 'running':
      return state === 'submitted' ? ['deliver', 'begin'] : state === 'delivered' ? ['begin'] : [];
    case 'completed':
      return [...movesTo(state, 'running'), 'complete'];
    case 'failed':
      return [state === 'submitted' || state === 'delivered' ? 'reject' : 'fail'];
    case 'cancelled':
      return ['cancel'];
  }
}
