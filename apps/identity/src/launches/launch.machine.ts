/** The life of a launch: while it is open, attempts of its run may be minted. */

import { defineMachine, type StateOf } from '@sallyport/core/machine';

export const launchMachine = defineMachine({
  open: { end: 'ended' },
  ended: {},
});

export type LaunchState = StateOf<typeof launchMachine>;
