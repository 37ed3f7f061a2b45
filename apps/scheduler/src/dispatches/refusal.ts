/** What a failed offer says about the edge. Pure. */

import type { Fault } from '@sallyport/core/fault';

/**
 * - `final`: refused for good; the run fails with the reason.
 * - `nowhere`: the offer reached nobody; it can be made again at once.
 * - `answered`: the edge answered "not now"; a look tells whether something is left of it.
 * - `unknown`: no answer; it may have taken effect, so the lease has to run out first.
 */
export type Refusal = 'final' | 'nowhere' | 'answered' | 'unknown';

export function refusalOf(fault: Fault): Refusal {
  if (fault.reason === 'bus.no_responder') return 'nowhere';
  if (fault.reason === 'bus.timeout' || fault.reason === 'bus.transport') return 'unknown';
  return fault.retryable || fault.code === 'internal' ? 'answered' : 'final';
}
