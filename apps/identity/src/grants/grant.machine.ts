/**
 * The life of a grant. `spent` starts nothing more, yet what it started may still run, so it can be revoked and replaced. That a
 * grant expired is read from the clock and is no state.
 */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const grantMachine = defineMachine({
  active: { spend: 'spent', revoke: 'revoked', replace: 'replaced' },
  spent: { revoke: 'revoked', replace: 'replaced' },
  revoked: {},
  replaced: {},
});

export type GrantStateName = StateOf<typeof grantMachine>;
export type GrantEvent = EventOf<typeof grantMachine>;
