/** Identity as a service: its variables, its module, and where its own verifier gets keys and epochs. */

import { systemClock } from '@sallyport/core/clock';
import type { ServiceDefinition } from '@sallyport/service/start';
import { methodAudiences } from './access.ts';
import { identityEnv } from './config.ts';
import { IdentityModule } from './identity.module.ts';
import { ownTrust } from './signing/own-trust.ts';

export const identityService: ServiceDefinition<typeof identityEnv> = {
  name: 'identity',
  env: identityEnv,
  module: IdentityModule,
  needs: { store: true },
  methodAudiences,
  trust: ({ store }) => ownTrust(store, systemClock),
};
