/** `npm run conformance -- [RUNNER ...] [--scenario NAME ...] [--backend NAME ...]`: the table, and exit code 1 when a field is wrong. */

import { parseArgs } from 'node:util';
import { need, wideVariable } from '@sallyport/testkit/wide';
import { buildAll } from '../build/build.ts';
import { StartedStack } from '../e2e/started-stack.ts';
import { startBroker } from '../wide/broker.ts';
import { requirements } from '../wide/requirements.ts';
import { backends, environmentOf } from './backends.ts';
import { type Cell, Kit } from './kit.ts';
import { runAll } from './lanes.ts';
import { scenarios } from './scenarios.ts';
import { subjects } from './subjects.ts';
import { renderConformance } from './table.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { scenario: { type: 'string', multiple: true }, backend: { type: 'string', multiple: true } },
});

/** All of them, or those that were named. */
function chosen(all: readonly string[], named: readonly string[] | undefined): readonly string[] {
  const unknown = named?.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    say(`${unknown} is none of: ${all.join(', ')}`);
    process.exit(2);
  }
  return named === undefined || named.length === 0 ? all : named;
}

const runners = chosen(
  subjects.map(({ name }) => name),
  positionals,
);
const names = chosen(
  scenarios.map(({ name }) => name),
  values.scenario,
);
const wanted = chosen(backends, values.backend);

function tell(cell: Cell): Cell {
  const { backend, runner, scenario, wrong, seconds } = cell;
  say(`${backend} ${runner} ${scenario}: ${wrong ?? `ok (${seconds.toFixed(1)} s)`}`);
  return cell;
}

await buildAll();
const broker = await startBroker(requirements, say);
process.env[wideVariable] = broker.socket;
const cells: Cell[] = [];
try {
  const { directory } = await need('coding-agents');
  for (const backend of backends.filter((name) => wanted.includes(name))) {
    const stack = await StartedStack.start({
      env: { SALLY_RUNNERS_DIR: directory, ...(await environmentOf(backend)) },
    });
    const kit = new Kit(stack, backend);
    try {
      const asked = subjects.filter(({ name }) => runners.includes(name));
      const some = scenarios.filter(({ name }) => names.includes(name));
      const cellOf = runAll(kit, asked, some);
      const told = asked.flatMap((subject) => some.map((scenario) => cellOf({ subject, scenario }).then(tell)));
      cells.push(...(await Promise.all(told)));
    } finally {
      await stack.stop();
    }
  }
} finally {
  await broker.stop();
}
process.stdout.write(`${renderConformance(cells)}\n`);
process.exitCode = cells.every(({ wrong }) => wrong === undefined) ? 0 : 1;
