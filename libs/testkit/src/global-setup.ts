/** Jest's global set-up: one Postgres for the run. */

import { clusterVariable, startCluster, type TestCluster } from './cluster.ts';

interface Kept {
  sallyCluster?: TestCluster;
}

// oxlint-disable-next-line import/no-default-export -- Jest calls the default export.
export default async function setup(): Promise<void> {
  const cluster = await startCluster();
  (globalThis as Kept).sallyCluster = cluster;
  process.env[clusterVariable] = cluster.socketDirectory;
}
