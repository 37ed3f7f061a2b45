/** `npm run chaos -- --kills N [--seed S]`: the kill test for as long as wanted; exit 1 when a promise broke. */

import { parseArgs } from 'node:util';
import { buildAll } from '../build/build.ts';
import { StartedStack } from '../e2e/started-stack.ts';
import { chaos } from './chaos.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

await buildAll();
const stack = await StartedStack.start();
process.stdout.write(`seed ${values.seed}\n`);
const report = await chaos(stack, {
  kills: Number(values.kills),
  seed: Number(values.seed),
  say: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
await stack.stop(report.broken.length === 0);
process.exit(report.broken.length === 0 ? 0 : 1);
