/** Jest's tear-down of the wide circle: everything the run was given ends. */

import tearDownEvery from '@sallyport/testkit/global-teardown';
import type { Broker } from './broker.ts';

interface Kept {
  sallyBroker?: Broker;
}

// oxlint-disable-next-line import/no-default-export -- Jest calls the default export.
export default async function teardown(): Promise<void> {
  await (globalThis as Kept).sallyBroker?.stop();
  await tearDownEvery();
}
