/** The conformance table: a row for each scenario, a column for each coding agent. */

import type { Cell } from './kit.ts';

/** One table for each backend; what is wrong stands below it in full. */
export function renderConformance(cells: readonly Cell[]): string {
  return [...new Set(cells.map(({ backend }) => backend))].map((backend) => renderBackend(cells, backend)).join('\n\n');
}

function renderBackend(all: readonly Cell[], backend: string): string {
  const cells = all.filter((cell) => cell.backend === backend);
  const runners = [...new Set(cells.map(({ runner }) => runner))];
  const rows = [...new Set(cells.map(({ scenario }) => scenario))].map((scenario) => [
    scenario,
    ...runners.map((runner) => shown(cells.find((cell) => cell.runner === runner && cell.scenario === scenario))),
  ]);
  const table = [[backend, ...runners], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const wrong = cells.flatMap((cell) =>
    cell.wrong === undefined ? [] : [`  ${cell.runner}, ${cell.scenario}: ${cell.wrong}`],
  );
  return [...lines, ...wrong].join('\n');
}

const shown = (cell: Cell | undefined): string =>
  cell === undefined
    ? '-'
    : `${cell.wrong === undefined ? 'ok' : 'WRONG'} ${cell.verdict} ${cell.seconds.toFixed(1)} s`;
