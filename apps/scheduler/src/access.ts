/** Who may call what of the scheduler. */

import type { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import type { AccessTable } from '@sallyport/core/access';

export const scheduleAccess: AccessTable<typeof ScheduleService> = {
  applyRole: { callers: ['api'], token: 'session', scope: 'role:write' },
  getRole: { callers: ['api'], token: 'session', scope: 'role:read' },
  listRoles: { callers: ['api'], token: 'session', scope: 'role:read' },
  createRun: { callers: ['api'], token: 'session', scope: 'run:create' },
  getRun: { callers: ['api'], token: 'session', scope: 'run:read' },
  listRuns: { callers: ['api'], token: 'session', scope: 'run:read' },
  cancelRun: { callers: ['api'], token: 'session', scope: 'run:cancel' },
  sendInput: { callers: ['api'], token: 'session', scope: 'run:steer' },
  listRunners: { callers: ['api'], token: 'session', scope: 'run:read' },
  listOutput: { callers: ['api'], token: 'session', scope: 'run:read' },
  registerEdge: { callers: ['runtime'], token: 'none' },
  heartbeatEdge: { callers: ['runtime'], token: 'none' },
  reportWorkload: { callers: ['runtime'], token: 'none' },
  appendOutput: { callers: ['runtime'], token: 'dispatch' },
};
