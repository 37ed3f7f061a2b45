/** Jest's set-up of the wide circle: what every circle has, and the broker for what only this one needs. */

import setUpEvery from '@sallyport/testkit/global-setup';
import { wideVariable } from '@sallyport/testkit/wide';
import { type Broker, startBroker } from './broker.ts';
import { requirements } from './requirements.ts';

interface Kept {
  sallyBroker?: Broker;
}

// oxlint-disable-next-line import/no-default-export -- Jest calls the default export.
export default async function setup(): Promise<void> {
  await setUpEvery();
  // Parts that a person keeps up by hand are used as they are.
  if (process.env[wideVariable] !== undefined) return;
  const broker = await startBroker(requirements, (line) => process.stderr.write(`${line}\n`));
  (globalThis as Kept).sallyBroker = broker;
  process.env[wideVariable] = broker.socket;
}
