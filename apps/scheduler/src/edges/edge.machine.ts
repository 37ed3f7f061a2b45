/** The life of an edge. A gone edge that registers again enrols again. */

import { defineMachine, type EventOf, type StateOf } from '@sallyport/core/machine';

export const edgeMachine = defineMachine({
  enrolling: { activate: 'active', quarantine: 'quarantined', lose: 'gone' },
  active: { drain: 'draining', quarantine: 'quarantined', lose: 'gone' },
  quarantined: { release: 'active', lose: 'gone' },
  draining: { resume: 'active', quarantine: 'quarantined', lose: 'gone' },
  gone: { enrol: 'enrolling' },
});

export type EdgeStateName = StateOf<typeof edgeMachine>;
export type EdgeMove = EventOf<typeof edgeMachine>;
