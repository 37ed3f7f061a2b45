/** The closed list of audit event kinds and the one service that may append each. */

import type { Caller } from './access.ts';

export const auditKinds = {
  'launch.authorized': 'identity',
  'launch.intent': 'identity',
  'launch.ended': 'identity',
  'exchange.dispatch': 'identity',
  'exchange.renew': 'identity',
  'auth.session': 'identity',
  'auth.denied': 'identity',
  'admin.principal': 'identity',
  'admin.key': 'identity',
  'admin.revoke': 'identity',
  'admin.rotate': 'identity',
  'grant.created': 'identity',
  'grant.used': 'identity',
  'grant.denied': 'identity',
  'grant.revoked': 'identity',
  'admin.role': 'scheduler',
  'admin.schedule': 'scheduler',
  'admin.subscription': 'scheduler',
  'admin.webhook': 'scheduler',
  'event.received': 'scheduler',
  'event.refused': 'scheduler',
  'trigger.fired': 'scheduler',
  'run.input': 'scheduler',
  'run.accepted': 'scheduler',
  'run.transition': 'scheduler',
  'run.refused': 'scheduler',
  'runtime.intent': 'runtime',
  'runtime.transition': 'runtime',
  'runtime.denied': 'runtime',
  'attest.evidence': 'runtime',
  'egress.allow': 'egress',
  'egress.deny': 'egress',
  'egress.outcome': 'egress',
  'workspace.create': 'workspace',
  'workspace.import': 'workspace',
  'workspace.mount': 'workspace',
  'workspace.commit': 'workspace',
  'workspace.undo': 'workspace',
  'workspace.read': 'workspace',
  'workspace.denied': 'workspace',
  'log.export': 'audit',
  'log.denied': 'audit',
} as const satisfies Record<string, Caller>;

export type AuditKind = keyof typeof auditKinds;

/** Log of the installation itself: what no org can be held to, such as a token that nobody signed. No org may take the name. */
export const deploymentLog = 'deployment';

/** The kind under which a service records that it refused a caller. */
export const refusalKinds = {
  identity: 'auth.denied',
  scheduler: 'run.refused',
  runtime: 'runtime.denied',
  workspace: 'workspace.denied',
  egress: 'egress.deny',
  audit: 'log.denied',
} as const satisfies Partial<Record<Caller, AuditKind>>;
