/** The service as the launcher and the tests start it. */

import type { ServiceDefinition } from '@sallyport/service/start';
import { workspaceEnv } from './config.ts';
import { WorkspaceModule } from './workspace.module.ts';

export const workspaceService: ServiceDefinition<typeof workspaceEnv> = {
  name: 'workspace',
  env: workspaceEnv,
  module: WorkspaceModule,
  needs: { store: true },
};
