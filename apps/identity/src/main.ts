/** Starts identity as a process of its own. */

import { runService } from '@sallyport/service/start';
import { identityService } from './identity.service.ts';

await runService(identityService, process.env);
