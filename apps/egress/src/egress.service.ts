/** The service as the launcher and the tests start it. */

import type { ServiceDefinition } from '@sallyport/service/start';
import { egressEnv } from './config.ts';
import { EgressModule } from './egress.module.ts';
import { SocketGate } from './gate/socket-gate.ts';

export const egressService: ServiceDefinition<typeof egressEnv> = {
  name: 'egress',
  env: egressEnv,
  module: EgressModule,
  needs: { store: true },
  checks: (app) => ({ socket: () => app.get(SocketGate).assertListening() }),
};
