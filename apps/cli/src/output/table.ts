/** Rows under a heading, as wide as they need to be. */

import { visibleLine } from './visible.ts';

/** A column: its heading and how a row fills it. */
export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string | number | undefined;
  /** Widest it may get on a terminal; the rest is cut with an ellipsis. */
  readonly most?: number;
}

/** The lines of a table; nothing but a heading when there are no rows. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const cells = rows.map((row) => columns.map((column) => cut(visibleLine(String(column.of(row) ?? '')), column.most)));
  const heading = columns.map((column) => column.title.toUpperCase());
  const widths = heading.map((title, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  return [heading, ...cells].map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const cut = (text: string, most: number | undefined): string =>
  most !== undefined && text.length > most ? `${text.slice(0, most - 1)}…` : text;
