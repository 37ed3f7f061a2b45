/** What the product is started with, for each backend. */

import { need } from '@sallyport/testkit/wide';

export const backends = ['process', 'docker'] as const;
export type Backend = (typeof backends)[number];

/** The environment of a stack whose workloads run there; gets an engine first where one is needed. */
export async function environmentOf(backend: Backend): Promise<Readonly<Record<string, string>>> {
  if (backend === 'process') return { SALLY_BACKEND: 'process' };
  const { host, image } = await need('docker');
  return { SALLY_BACKEND: 'docker', SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image };
}
