/**
 * A run as lines a person can follow: what happened, when, and how long each stage took. Pure: the same events give the
 * same lines. Every text that comes from the agent is made visible before it is shown.
 */

import type { StreamEvent } from '../client/stream.ts';
import { showDuration } from '../duration.ts';
import { type Paint, plain } from '../output/style.ts';
import { type Entry, type EntryTone, entriesOf } from './entries.ts';
import { Scribe } from './scribe.ts';

export interface TimelineOptions {
  readonly paint?: Paint;
  /** Columns of the terminal. */
  readonly width?: number;
  /** Also thinking, tool output and raw lines. */
  readonly verbose?: boolean;
}

const marks: Readonly<Record<EntryTone, string>> = { plain: '·', good: '✓', bad: '✗', refused: '⊘', agent: '›' };

/** Turns events into lines one by one; `renderTimeline` does it for a whole run. */
export class Timeline {
  readonly #paint: Paint;
  readonly #width: number;
  readonly #verbose: boolean;
  readonly #scribe = new Scribe();
  #begun: number | undefined;
  /** The end of a run that was over before anyone watched; it is told last, where it belongs. */
  #end: string[] = [];

  constructor(options: TimelineOptions = {}) {
    this.#paint = options.paint ?? plain;
    this.#width = Math.max(60, options.width ?? 120);
    this.#verbose = options.verbose ?? false;
  }

  /** The lines an event adds; often none. */
  push(event: StreamEvent): string[] {
    const at = Date.parse(event.time ?? '');
    const isFirst = this.#begun === undefined;
    if (!Number.isNaN(at)) this.#begun ??= acceptedAt(event) ?? at;
    const elapsed = Number.isNaN(at) || this.#begun === undefined ? undefined : Math.max(0, at - this.#begun);
    const lines = entriesOf(event, this.#scribe)
      .filter((entry) => this.#verbose || entry.detail !== true)
      .flatMap((entry) => this.#render(entry, elapsed));
    if (!isFirst || event.data['ended_at'] === undefined) return lines;
    this.#end = lines;
    return [];
  }

  /** The lines that were held back until everything else was told. */
  close(): string[] {
    return this.#end.splice(0);
  }

  #render(entry: Entry, elapsed: number | undefined): string[] {
    const clock = elapsed === undefined ? ''.padStart(9) : `${(elapsed / 1_000).toFixed(3)}s`.padStart(9);
    const mark = this.#paint(colourOf(entry.tone), marks[entry.tone]);
    const took = entry.tookMs === undefined ? '' : this.#paint('dim', `  ${showDuration(entry.tookMs)}`);
    const room = this.#width - 9 - 3 - 11 - 2;
    const [first = '', ...rest] = entry.lines.flatMap((line) => wrap(line, room));
    const shown = [first, ...rest.slice(0, entry.most ?? 6)];
    if (rest.length + 1 > shown.length) shown.push(`… ${rest.length + 1 - shown.length} more lines`);
    const paintText =
      entry.tone === 'refused' || entry.tone === 'bad'
        ? (text: string) => this.#paint(colourOf(entry.tone), text)
        : (text: string) => text;
    const head = `${this.#paint('dim', clock)}  ${mark} ${this.#paint('bold', entry.label.padEnd(10))} ${paintText(shown[0] ?? '')}${took}`;
    return [head, ...shown.slice(1).map((text) => `${''.padStart(24)}${paintText(text)}`)].map((line) =>
      line.trimEnd(),
    );
  }
}

/** Every line of a run's events. */
export function renderTimeline(events: readonly StreamEvent[], options: TimelineOptions = {}): string[] {
  const timeline = new Timeline(options);
  return [...events.flatMap((event) => timeline.push(event)), ...timeline.close()];
}

/** When the run an event shows was accepted; undefined for events that show no run. */
function acceptedAt(event: StreamEvent): number | undefined {
  const created = event.data['created_at'];
  return event.type === 'run.transition' && typeof created === 'string' ? Date.parse(created) : undefined;
}

function colourOf(tone: EntryTone): Parameters<Paint>[0] {
  switch (tone) {
    case 'good':
      return 'green';
    case 'bad':
      return 'red';
    case 'refused':
      return 'yellow';
    case 'agent':
      return 'cyan';
    case 'plain':
      return 'dim';
  }
}

const graphemes = new Intl.Segmenter();

function wrap(line: string, width: number): string[] {
  const characters = Array.from(graphemes.segment(line), ({ segment }) => segment);
  if (characters.length <= width) return [line];
  const lines: string[] = [];
  for (let at = 0; at < characters.length; ) {
    const piece = characters.slice(at, at + width);
    const space = piece.lastIndexOf(' ');
    const length = piece.length < width || space < width / 2 ? piece.length : space + 1;
    lines.push(
      characters
        .slice(at, at + length)
        .join('')
        .trimEnd(),
    );
    at += length;
  }
  return lines;
}
