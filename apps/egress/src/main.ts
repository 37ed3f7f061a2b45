/** Starts egress as a process of its own. */

import { runService } from '@sallyport/service/start';
import { egressService } from './egress.service.ts';

await runService(egressService, process.env);
