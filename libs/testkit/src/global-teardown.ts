/** Jest's global tear-down: the run's Postgres ends. */

import type { TestCluster } from './cluster.ts';

interface Kept {
  sallyCluster?: TestCluster;
}

// oxlint-disable-next-line import/no-default-export -- Jest calls the default export.
export default async function teardown(): Promise<void> {
  await (globalThis as Kept).sallyCluster?.stop();
}
