/** Starts the API as a process. */

import { runService } from '@sallyport/service/start';
import { ApiModule } from './api.module.ts';
import { apiEnv, environment } from './config.ts';

await runService({ name: 'api', env: apiEnv, module: ApiModule }, environment);
