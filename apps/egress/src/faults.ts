/** Every reason egress gives over the bus. Why a connection is denied is another list, `decisions/deny-reason.ts`. */

import { Fault } from '@sallyport/core/fault';

export const decisionNotFound = (id: string): Fault =>
  new Fault(
    'not_found',
    'egress.decision_not_found',
    'there is no such decision in this environment, or it is no longer kept',
    { id },
  );

export const questionInvalid = (): Fault =>
  new Fault(
    'invalid_argument',
    'egress.question_invalid',
    'a name is resolved to A or AAAA records and to nothing else',
  );
