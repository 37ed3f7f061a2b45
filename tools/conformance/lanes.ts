/** Cells two at a time: most of a cell is waiting, for a program to start, a retry to come, a clock to run out. */

import type { Cell, Kit } from './kit.ts';
import type { Scenario } from './scenarios.ts';
import { type Subject, scenariosOf } from './subjects.ts';

const lanes = 2;

export interface Asked {
  readonly subject: Subject;
  readonly scenario: Scenario;
}

/** Starts on all of them; the cells of one subject follow each other. Each promise settles with its cell and never rejects. */
export function runAll(kit: Kit, subjects: readonly Subject[], scenarios: readonly Scenario[]) {
  const cells = new Map<string, PromiseWithResolvers<Cell>>();
  for (const subject of subjects) {
    for (const scenario of scenariosOf(subject, scenarios))
      cells.set(keyOf({ subject, scenario }), Promise.withResolvers());
  }
  const waiting = [...subjects];
  const lane = async (): Promise<void> => {
    for (let subject = waiting.shift(); subject !== undefined; subject = waiting.shift()) {
      for (const scenario of scenariosOf(subject, scenarios)) {
        cells.get(keyOf({ subject, scenario }))?.resolve(await kit.run(subject, scenario));
      }
    }
  };
  for (let index = 0; index < lanes; index += 1) void lane();
  return (asked: Asked): Promise<Cell> => {
    const cell = cells.get(keyOf(asked));
    return cell === undefined ? Promise.reject(new Error(`${keyOf(asked)} was not asked for`)) : cell.promise;
  };
}

const keyOf = ({ subject, scenario }: Asked): string => `${subject.name}, ${scenario.name}`;
