/** The parts of the wide circle by the name specs ask for them: a row each. */

import type { WideThings } from '@sallyport/testkit/wide';
import { provideCodingAgents } from './coding-agents.ts';
import { provideDocker } from './docker.ts';
import type { Provide } from './requirement.ts';
import { provideS3 } from './s3.ts';

export const requirements: { readonly [K in keyof WideThings]?: Provide<WideThings[K]> } = {
  'coding-agents': provideCodingAgents,
  docker: provideDocker,
  s3: provideS3,
};
