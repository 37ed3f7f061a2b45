/** Who may call what of the scheduler. */

import type { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import type { TriggerService } from '@sallyport/contracts/schedule/v1/trigger';
import type { AccessRow, AccessTable, SessionRow } from '@sallyport/core/access';

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

const person = (scope: SessionRow['scope']): AccessRow => ({ callers: ['api'], token: 'session', scope });

export const triggerAccess: AccessTable<typeof TriggerService> = {
  applySchedule: person('schedule:write'),
  getSchedule: person('schedule:read'),
  listSchedules: person('schedule:read'),
  pauseSchedule: person('schedule:write'),
  resumeSchedule: person('schedule:write'),
  fireSchedule: person('schedule:write'),
  previewSchedule: person('schedule:read'),
  deleteSchedule: person('schedule:write'),
  applySubscription: person('schedule:write'),
  getSubscription: person('schedule:read'),
  listSubscriptions: person('schedule:read'),
  deleteSubscription: person('schedule:write'),
  consentTrigger: person('grant:write'),
  listFirings: person('schedule:read'),
  sendEvent: person('event:send'),
  getEvent: person('event:read'),
  listEvents: person('event:read'),
  applyWebhook: person('webhook:write'),
  listWebhooks: person('webhook:write'),
  rotateWebhook: person('webhook:write'),
  deleteWebhook: person('webhook:write'),
  // The signature is the credential: the sender is nobody the platform knows.
  receiveWebhook: { callers: ['api'], token: 'none' },
};
