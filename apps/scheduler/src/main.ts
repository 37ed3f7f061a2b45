/** Starts the scheduler as a process of its own. */

import { runService } from '@sallyport/service/start';
import { schedulerService } from './scheduler.service.ts';

await runService(schedulerService, process.env);
