/**
 * The life of a firing: one fire time of a schedule, or one event for one subscription.
 *
 * `deciding` has its run id and its envelope and asks identity; whoever takes it up again asks for the same. From there it becomes a run or
 * a reason, never both.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const firingMachine = defineMachine({
  queued: { admit: 'deciding', skip: 'skipped', refuse: 'refused' },
  deciding: { start: 'started', refuse: 'refused' },
  started: {},
  skipped: {},
  refused: {},
});

export type FiringStateName = StateOf<typeof firingMachine>;
export type FiringMove = EventOf<typeof firingMachine>;
