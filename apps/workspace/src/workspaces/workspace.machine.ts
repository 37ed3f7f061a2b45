/**
 * The life of a workspace.
 *
 * `busy` is the one rw lease and nothing else: readers do not change the state. `failed` is left by way of `stopping` only, so that
 * whatever still runs on it is ended first.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const workspaceMachine = defineMachine({
  provisioning: { ready: 'idle', fail: 'failed', stop: 'stopping' },
  idle: { hold: 'busy', stop: 'stopping', provision: 'provisioning' },
  busy: { release: 'idle', stop: 'stopping', provision: 'provisioning' },
  stopping: { settle: 'stopped', abort: 'idle', fail: 'failed' },
  stopped: { provision: 'provisioning' },
  failed: { stop: 'stopping' },
});

export type WorkspaceStatus = StateOf<typeof workspaceMachine>;
export type WorkspaceMove = EventOf<typeof workspaceMachine>;
