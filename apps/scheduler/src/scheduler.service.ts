/** The scheduler as the service starter takes it. */

import type { ServiceDefinition } from '@sallyport/service/start';
import { schedulerEnv } from './config.ts';
import { SchedulerModule } from './scheduler.module.ts';

export const schedulerService: ServiceDefinition<typeof schedulerEnv> = {
  name: 'scheduler',
  env: schedulerEnv,
  module: SchedulerModule,
  needs: { store: true },
};
