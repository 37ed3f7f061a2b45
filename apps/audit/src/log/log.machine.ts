/**
 * The life of one org's log in this process.
 *
 * Nothing is appended or signed unless the log is open. `lose` says that the process no longer knows what the database holds: a
 * commit whose outcome it did not hear, or another writer. A halted log stays so until a person restarts the service.
 */

import { defineMachine, type StateOf } from '@sallyport/core/machine';

export const logMachine = defineMachine({
  opening: { verify: 'open', mismatch: 'halted' },
  open: { lose: 'opening', mismatch: 'halted' },
  halted: {},
});

export type LogState = StateOf<typeof logMachine>;
