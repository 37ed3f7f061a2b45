/** Starts the runtime as a process of its own. */

import { runService } from '@sallyport/service/start';
import { runtimeService } from './runtime.service.ts';

await runService(runtimeService, process.env);
