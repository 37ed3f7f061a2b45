/** `node tools/wide/main.ts NAME ...`: parts of the wide circle for a person to try; up until Ctrl-C. */

import type { WideThings } from '@sallyport/testkit/wide';
import { askOf, wideVariable } from '@sallyport/testkit/wide';
import { startBroker } from './broker.ts';
import { requirements } from './requirements.ts';

const names = process.argv.slice(2);
const known = Object.keys(requirements);
if (names.length === 0 || names.some((name) => !known.includes(name))) {
  process.stderr.write(`name some of: ${known.join(', ')}\n`);
  process.exit(2);
}

const broker = await startBroker(requirements, (line) => process.stderr.write(`${line}\n`));
process.env[wideVariable] = broker.socket;
try {
  for (const name of names) {
    const value = await askOf(name as keyof WideThings, 'provide');
    process.stdout.write(`${JSON.stringify({ [name]: value }, null, 2)}\n`);
  }
  process.stdout.write(`${wideVariable}=${broker.socket} npm run test:wide -- PATH  runs specs on them\n`);
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 3;
} finally {
  await broker.stop();
}
