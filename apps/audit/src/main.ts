/** Starts audit as a process of its own. */

import { runService } from '@sallyport/service/start';
import { auditService } from './audit.service.ts';
import { environment } from './config.ts';

await runService(auditService, environment);
