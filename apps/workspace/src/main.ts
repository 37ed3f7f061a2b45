/** Starts the workspace service as a process of its own. */

import { runService } from '@sallyport/service/start';
import { workspaceService } from './workspace.service.ts';

await runService(workspaceService, process.env);
