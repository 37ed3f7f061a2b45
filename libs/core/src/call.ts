/** Claims narrowed for handlers whose access row already demands them. */

import type { Claims, DispatchClaims, IntentClaims, SessionClaims } from './claims.ts';
import { Fault } from './fault.ts';
import type { Call } from './gate.ts';

const wrongRow = (wanted: string): Fault =>
  new Fault('internal', 'core.access_row', `the handler needs ${wanted} claims that its access row does not demand`);

function claimsOf<C extends Claims['class']>(call: Call, wanted: C): Extract<Claims, { class: C }> {
  if (call.claims?.class !== wanted) throw wrongRow(wanted);
  return call.claims as Extract<Claims, { class: C }>;
}

export const sessionOf = (call: Call): SessionClaims => claimsOf(call, 'session');
export const intentOf = (call: Call): IntentClaims => claimsOf(call, 'intent');
export const dispatchOf = (call: Call): DispatchClaims => claimsOf(call, 'dispatch');
