/**
 * The life of a dispatch as the scheduler leads it: one attempt of a run.
 *
 * `leased` means offered to an edge and not known to be taken; only from there does it go back to the queue. `started` means the edge
 * has it in its journal: from there the only way is to the end, so no task is started twice.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const dispatchMachine = defineMachine({
  queued: { lease: 'leased', end: 'ended' },
  leased: { start: 'started', requeue: 'queued', end: 'ended' },
  started: { end: 'ended' },
  ended: {},
});

export type DispatchStateName = StateOf<typeof dispatchMachine>;
export type DispatchMove = EventOf<typeof dispatchMachine>;
