/** Who may call what of audit. Who may append which kind is `auditKinds`. */

import type { AuditService } from '@sallyport/contracts/audit/v1/audit';
import { type AccessTable, callers } from '@sallyport/core/access';

export const auditAccess: AccessTable<typeof AuditService> = {
  append: { callers, token: 'none' },
  query: { callers: ['api'], token: 'session', scope: 'audit:read' },
  getCheckpoint: { callers: ['api'], token: 'session', scope: 'audit:read' },
  openExport: { callers: ['api'], token: 'session', scope: 'audit:read' },
  readExport: { callers: ['api'], token: 'session', scope: 'audit:read' },
};
