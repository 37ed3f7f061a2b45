/** Who may call what of egress over the bus. */

import type { EgressService } from '@sallyport/contracts/egress/v1/egress';
import type { AccessTable } from '@sallyport/core/access';

export const egressAccess: AccessTable<typeof EgressService> = {
  resolve: { callers: ['runtime'], token: 'dispatch' },
  getDecision: { callers: ['api'], token: 'session', scope: 'run:read' },
};
