/** What audit is made of and what it needs to start. */

import type { ServiceDefinition } from '@sallyport/service/start';
import { AuditModule } from './audit.module.ts';
import { auditEnv } from './config.ts';
import { Logs } from './log/logs.ts';

export const auditService: ServiceDefinition<typeof auditEnv> = {
  name: 'audit',
  env: auditEnv,
  module: AuditModule,
  needs: { store: true },
  checks: (app) => ({ log: () => app.get(Logs, { strict: false }).assertSound() }),
};
