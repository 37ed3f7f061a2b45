import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { need } from '@sallyport/testkit/wide';
import { StartedStack } from '../e2e/started-stack.ts';
import { type Backend, backends, environmentOf } from './backends.ts';
import { type Cell, Kit } from './kit.ts';
import { runAll } from './lanes.ts';
import { scenarios } from './scenarios.ts';
import { scenariosOf, usualSubjects } from './subjects.ts';
import { renderConformance } from './table.ts';

/** The cells before it included. */
const cellMs = 900_000;
const cells: Cell[] = [];

afterAll(() => void process.stderr.write(`\n${renderConformance(cells)}\n\n`));

describe.each(backends)('a coding agent in the %s backend', (backend: Backend) => {
  let stack: StartedStack;
  let cellOf: ReturnType<typeof runAll>;

  beforeAll(async () => {
    const { directory } = await need('coding-agents');
    stack = await StartedStack.start({ env: { SALLY_RUNNERS_DIR: directory, ...(await environmentOf(backend)) } });
    cellOf = runAll(new Kit(stack, backend), usualSubjects, scenarios);
  }, 900_000);

  afterAll(() => stack?.stop());

  describe.each(usualSubjects)('$name', (subject) => {
    test.each(scenariosOf(subject, scenarios).map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      async (_, scenario) => {
        const cell = await cellOf({ subject, scenario });
        cells.push(cell);
        expect(cell.wrong).toBeUndefined();
      },
      cellMs,
    );
  });
});
