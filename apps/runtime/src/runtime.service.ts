/** The runtime as a service: its variables and its module. */

import type { ServiceDefinition } from '@sallyport/service/start';
import { runtimeEnv } from './config.ts';
import { RuntimeModule } from './runtime.module.ts';

export const runtimeService: ServiceDefinition<typeof runtimeEnv> = {
  name: 'runtime',
  env: runtimeEnv,
  module: RuntimeModule,
};
