/**
 * The life of a run: the durable execution of a task.
 *
 * A run fired by `now` has nothing left to plan and begins as queued. What a person wishes is the dispatch's `wish` and is not
 * a state.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const runMachine = defineMachine({
  planning: { plan: 'queued', skip: 'skipped', fail: 'failed', cancel: 'cancelled' },
  queued: { start: 'running', block: 'blocked', skip: 'skipped', fail: 'failed', cancel: 'cancelled' },
  running: { block: 'blocked', complete: 'completed', fail: 'failed', cancel: 'cancelled' },
  blocked: { queue: 'queued', resume: 'running', fail: 'failed', cancel: 'cancelled' },
  completed: {},
  failed: {},
  cancelled: {},
  skipped: {},
});

export type RunStateName = StateOf<typeof runMachine>;
export type RunMove = EventOf<typeof runMachine>;
