/** Where results and errors go, in the form that was asked for. */

import { Failure } from '../failure.ts';
import { coloured, type Paint, plain, wantsColour } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { visibleJson, visibleLine, visibleValue } from './visible.ts';

export const formats = ['table', 'json', 'yaml', 'jsonl', 'name'] as const;

export type Format = (typeof formats)[number];

/** How a kind of thing is shown. */
export interface View<Item> {
  readonly columns: readonly Column<Item>[];
  readonly name: (item: Item) => string;
  /** Said in place of a table without rows: that there are none, and what makes one. */
  readonly empty?: string;
  /** Word that `apply` knows it by; YAML of one thing begins with it, so that it goes back. */
  readonly kind?: string;
}

export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class Printer {
  readonly format: Format;
  readonly paint: Paint;
  readonly #terminal: Terminal;

  constructor(format: Format, terminal: Terminal) {
    this.format = format;
    this.#terminal = terminal;
    this.paint = wantsColour(terminal.stdout.isTTY, terminal.env) ? coloured : plain;
  }

  get isTerminal(): boolean {
    return this.#terminal.stdout.isTTY;
  }

  /** Columns of the terminal; a width that suits logs when there is none. */
  get width(): number {
    return this.#terminal.stdout.columns ?? 120;
  }

  /** Whether standard output is for machines. */
  get isData(): boolean {
    return this.format !== 'table';
  }

  /** A line of the result. Data is JSON in what an agent wrote: a terminal gets it escaped, a pipe byte for byte. */
  line(text = ''): void {
    const shown = this.isData && this.isTerminal ? visibleJson(text) : text;
    this.#terminal.stdout.write(`${shown}\n`);
  }

  bytes(data: Uint8Array): void {
    this.#terminal.stdout.write(data);
  }

  /** A remark that is no result; never on standard output. */
  note(text: string): void {
    this.#terminal.stderr.write(`${text}\n`);
  }

  /** A list, one item a row or a line. */
  async list<Item>(items: readonly Item[], view: View<Item>, whole: unknown = { items }): Promise<void> {
    switch (this.format) {
      case 'table':
        if (items.length === 0 && view.empty !== undefined) return this.note(view.empty);
        return renderTable(items, view.columns).forEach((text) => this.line(text));
      case 'name':
        return items.forEach((item) => this.line(visibleLine(view.name(item))));
      case 'jsonl':
        return items.forEach((item) => this.line(JSON.stringify(item)));
      case 'json':
        return this.line(JSON.stringify(whole, null, 2));
      case 'yaml':
        return this.line(await yaml(whole));
    }
  }

  /** One thing; its table is a heading and one row unless `lines` says better. */
  async one<Item>(item: Item, view: View<Item>, lines?: () => readonly string[]): Promise<void> {
    if (this.format === 'table')
      return (lines?.() ?? renderTable([item], view.columns)).forEach((text) => this.line(text));
    if (this.format === 'json') return this.line(JSON.stringify(item, null, 2));
    if (this.format === 'yaml')
      return this.line(await yaml(view.kind === undefined ? item : { kind: view.kind, ...item }));
    return this.list([item], view);
  }

  /** An error: one problem document for machines, three lines and the trace for people. */
  failure(failure: Failure): void {
    if (this.isData && this.format !== 'name') return this.note(this.#problem(failure));
    const red = wantsColour(this.#terminal.stderr.isTTY, this.#terminal.env) ? coloured('red', 'error') : 'error';
    this.note(`${red}: ${visibleLine(failure.message)} (${visibleLine(failure.problem.code)})`);
    this.note(`  why: ${visibleLine(failure.why)}`);
    this.note(`  next: ${visibleLine(failure.next)}`);
    if (failure.problem.trace_id !== undefined) this.note(`  error id: ${visibleLine(failure.problem.trace_id)}`);
  }

  #problem(failure: Failure): string {
    const json = JSON.stringify({ ...failure.problem, exit_code: failure.exitCode });
    return this.#terminal.stderr.isTTY ? visibleJson(json) : json;
  }
}

async function yaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(visibleValue(value), { lineWidth: 0 }).trimEnd();
}
