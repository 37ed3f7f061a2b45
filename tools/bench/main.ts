/** `npm run bench [-- ID ...] [--rounds N] [--json FILE]`: a table on the terminal, JSON beside it. */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildAll } from '../build/build.ts';
import { StartedStack } from '../e2e/started-stack.ts';
import { a1 } from './a1-audit.ts';
import { type BenchOptions, type Figure, holds, load } from './bench.ts';
import { g1 } from './g1-revoke.ts';
import { n1 } from './n1-call.ts';
import { r1 } from './r1-docker.ts';
import { r2, r2x } from './r2-dispatch.ts';
import { r6 } from './r6-idle.ts';
import { r7, r8 } from './r78-parked.ts';
import { s1 } from './s1-now.ts';
import { s3 } from './s3-lateness.ts';
import { s4 } from './s4-claim.ts';
import { t2 } from './t2-verify.ts';
import { w1, w2 } from './w-workspace.ts';

const alone = [n1, t2, r1, r6, r7, r8];
const onStack = [r2, r2x, s1, s3, s4, g1, a1, w1, w2];
const benches = [...alone, ...onStack];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'string', default: 'bench.json' } },
});

const wanted = positionals.length === 0 ? benches : benches.filter((bench) => positionals.includes(bench.id));
const unknown = positionals.filter((id) => !benches.some((bench) => bench.id === id));
if (unknown.length > 0) {
  process.stderr.write(
    `no such benchmark: ${unknown.join(', ')}; known: ${benches.map((bench) => bench.id).join(', ')}\n`,
  );
  process.exit(2);
}

const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`--rounds takes a whole number from 1, not ${values.rounds}\n`);
  process.exit(2);
}

const bar = ({ bar: limit }: Figure): string => ('atMost' in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`);
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

await buildAll();
let stack: StartedStack | undefined;

/** The stack starts with the first benchmark that needs it. */
async function measure(id: string, options: BenchOptions): Promise<Figure> {
  const own = alone.find((bench) => bench.id === id);
  if (own !== undefined) return own.run(options);
  stack ??= await StartedStack.start();
  const bench = onStack.find((each) => each.id === id);
  if (bench === undefined) throw new Error(`no such benchmark: ${id}`);
  return bench.run({ ...options, stack });
}

const figures: (Figure & { readonly load: number })[] = [];
process.stdout.write(
  `${row(['id', 'what', 'bar', 'ratio', 'worst', 'holds', 'detail', 'load'])}\n${row(Array(8).fill('---'))}\n`,
);
try {
  for (const bench of wanted) {
    const before = load();
    const found = await measure(bench.id, { rounds });
    figures.push({ ...found, load: before });
    const detail = Object.entries(found.detail).map(
      ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(3)) : value}`,
    );
    process.stdout.write(
      `${row([found.id, found.what, bar(found), found.ratio.toFixed(2), found.worst.toFixed(2), holds(found) ? 'yes' : 'NO', detail.join(', '), before.toFixed(1)])}\n`,
    );
  }
} finally {
  await stack?.stop();
}
writeFileSync(
  values.json,
  `${JSON.stringify({ at: new Date().toISOString(), node: process.version, figures }, null, 2)}\n`,
);
process.exit(0);
