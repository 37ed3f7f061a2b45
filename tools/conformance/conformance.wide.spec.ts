import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { need } from '@sallyport/testkit/wide';
import { StartedStack } from '../e2e/started-stack.ts';
import { type Backend, backends, environmentOf } from './backends.ts';
import { type Cell, Kit } from './kit.ts';
import { scenarios } from './scenarios.ts';
import { subjects } from './subjects.ts';
import { renderConformance } from './table.ts';

const cellMs = 300_000;
const cells: Cell[] = [];

afterAll(() => void process.stderr.write(`\n${renderConformance(cells)}\n\n`));

describe.each(backends)('a coding agent in the %s backend', (backend: Backend) => {
  let stack: StartedStack;
  let kit: Kit;

  beforeAll(async () => {
    const { directory } = await need('coding-agents');
    stack = await StartedStack.start({ env: { SALLY_RUNNERS_DIR: directory, ...(await environmentOf(backend)) } });
    kit = new Kit(stack, backend);
  }, 900_000);

  afterAll(() => stack?.stop(), 60_000);

  describe.each(subjects)('$name', (subject) => {
    test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      async (_, scenario) => {
        const cell = await kit.run(subject, scenario);
        cells.push(cell);
        expect(cell.wrong).toBeUndefined();
      },
      cellMs,
    );
  });
});
