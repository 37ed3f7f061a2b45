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

const kills = Number(values.kills);
const seed = Number(values.seed);
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  process.stderr.write('--kills takes a whole number from 1 and --seed a whole number\n');
  process.exit(2);
}

await buildAll();
const stack = await StartedStack.start();
process.stdout.write(`seed ${seed}\n`);
const report = await chaos(stack, {
  kills,
  seed,
  say: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
await stack.stop(report.broken.length === 0);
process.exit(report.broken.length === 0 ? 0 : 1);
