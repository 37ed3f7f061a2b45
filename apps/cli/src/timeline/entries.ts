/** Which entries of a timeline an event makes. */

import type { StreamEvent } from '../client/stream.ts';
import { visible, visibleLine } from '../output/visible.ts';
import { Fields } from './fields.ts';
import type { Scribe } from './scribe.ts';

export type EntryTone = 'plain' | 'good' | 'bad' | 'refused' | 'agent';

export interface Entry {
  readonly label: string;
  readonly tone: EntryTone;
  /** Fit for a terminal already. */
  readonly lines: readonly string[];
  readonly tookMs?: number;
  /** Lines shown beyond the first; 6 when absent. */
  readonly most?: number;
  /** Shown only to those who want everything. */
  readonly detail?: boolean;
}

type Teller = (data: Fields, scribe: Scribe) => readonly Entry[];

const entry = (label: string, tone: EntryTone, text: string, more: Partial<Entry> = {}): Entry => ({
  label: visibleLine(label),
  tone,
  lines: visible(text)
    .replaceAll('\t', '  ')
    .split('\n')
    .map((line) => line.trimEnd()),
  ...more,
});

const joined = (parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== '').join(' · ');

/** What was denied and is not worth a line each, once. */
function quiet(scribe: Scribe): readonly Entry[] {
  const { noise } = scribe;
  scribe.noise = 0;
  return noise === 0 ? [] : [entry('egress', 'plain', noiseLine(noise))];
}

export const noiseLine = (count: number): string =>
  `${count} known update and telemetry ${count === 1 ? 'call' : 'calls'} denied`;

const tellers: Readonly<Record<string, Teller>> = {
  'run.transition': (data, scribe) => {
    const state = data.text('state');
    if (state === scribe.state) return [];
    scribe.state = state;
    const failed = state === 'failed' || state === 'cancelled';
    const who = joined([data.text('id'), data.text('role') === '' ? data.text('runner') : `role ${data.text('role')}`]);
    const reason = data.text('reason') === state ? '' : data.text('reason');
    return [
      ...(failed || state === 'completed' ? quiet(scribe) : []),
      entry(
        state,
        failed ? 'bad' : state === 'completed' ? 'good' : 'plain',
        joined([who, reason, failed ? data.text('message') : '']),
        // The stages say the same, and say it when it happened.
        { detail: state === 'running' },
      ),
    ];
  },
  'stage.reached': (data) => {
    // What a stage took of the machine is for benchmarks; how long it took stands at the end of the line.
    const told = Object.entries(data.map('detail')).filter(([name]) => !name.endsWith('_micros'));
    const detail = told.map(([name, value]) => `${name} ${value}`);
    return [entry(data.text('stage'), 'plain', joined(detail), { tookMs: data.number('took_micros') / 1_000 })];
  },
  'session.started': (data) => [
    entry(
      'session',
      'plain',
      joined([
        data.text('model') === '' ? '' : `model ${data.text('model')}`,
        `tools ${data.list('tools').join(', ') || 'none'}`,
      ]),
    ),
  ],
  'message.completed': (data) =>
    data.text('text').trim() === '' ? [] : [entry('agent', 'agent', data.text('text').trim(), { most: 12 })],
  thinking: (data) => [entry('thinking', 'plain', data.text('text').trim(), { detail: true })],
  'tool.started': (data, scribe) => {
    scribe.startTool(data.text('call'), data.text('tool'));
    return [entry('tool', 'plain', `${data.text('tool')} ${gist(data.text('arguments'))}`)];
  },
  'tool.output': (data) => [entry('', 'plain', data.text('text').trimEnd(), { detail: true })],
  'tool.completed': (data, scribe) => {
    const tool = data.text('tool') || scribe.endTool(data.text('call'));
    const text = data.text('text').replaceAll('\r\n', '\n').trim();
    if (data.is('ok')) return [entry('', 'good', firstLine(text) || `${tool} done`, { most: 0 })];
    return [entry('refused', 'refused', `${tool}: ${lastLine(text)}`, { most: 2 })];
  },
  'file.changed': (data) => [entry('file', 'plain', data.text('path'))],
  'usage.updated': (data, scribe) => {
    scribe.inputTokens += data.number('input_tokens');
    scribe.outputTokens += data.number('output_tokens');
    return [];
  },
  retry: (data) => [
    entry('retry', 'bad', `${data.text('cause')}; try ${data.number('attempt')} in ${data.number('wait_millis')} ms`),
  ],
  'turn.completed': (data, scribe) => {
    scribe.turns = data.number('turn');
    const tokens = scribe.inputTokens + scribe.outputTokens;
    return [entry('model', 'plain', joined([`turn ${scribe.turns}`, tokens === 0 ? '' : `${tokens} tokens so far`]))];
  },
  result: (data, scribe) => {
    const verdict = data.text('verdict');
    const rest = scribe.drain().map((text) => entry('output', 'plain', text));
    const code = data.number('exit_code');
    return [
      ...rest,
      ...quiet(scribe),
      entry(
        'result',
        verdict === 'succeeded' ? 'good' : 'bad',
        joined([verdict, code === 0 ? '' : `exit code ${code}`]),
      ),
    ];
  },
  error: (data) => [entry('error', 'bad', `${data.text('reason')}: ${data.text('message')}`)],
  raw: (data) => [entry('raw', 'plain', data.text('text'), { detail: true })],
  output: (data, scribe) => {
    const stream = data.text('stream');
    const lines = scribe.lines(stream, data.bytes('data').toString('utf8'));
    return lines.length === 0
      ? []
      : [entry(stream === 'stderr' ? 'stderr' : 'output', 'plain', lines.join('\n'), { most: 20 })];
  },
  'egress.decided': (data, scribe) => {
    const noise = data.text('noise');
    if (noise !== '') {
      scribe.noise += 1;
      return [entry('refused', 'plain', joined([data.text('target'), noise, data.text('decision')]), { detail: true })];
    }
    if (data.is('allowed')) return [entry('egress', 'good', `${data.text('target')} allowed`, { detail: true })];
    return [
      entry(
        'refused',
        'refused',
        `connection to ${joined([data.text('target'), data.text('reason').toLowerCase(), data.text('decision')])}`,
      ),
    ];
  },
  committed: (data) => {
    const commit = data.text('commit');
    const refused = Object.entries(data.map('refused')).map(([path, why]) =>
      entry('left out', 'refused', path === '' ? why : `${path}: ${why}`),
    );
    const what =
      commit === ''
        ? 'nothing had changed'
        : `${commit.slice(0, 12)} · ${data.number('files')} ${data.number('files') === 1 ? 'file' : 'files'}`;
    return [entry('commit', 'good', `${data.text('workspace')} · ${what}`), ...refused];
  },
  'input.taken': (data) => [entry('input', 'plain', data.text('input'), { detail: isTask(data) })],
  'input.ended': (data) => {
    const verdict = data.text('verdict');
    const tone = verdict === 'succeeded' ? 'good' : 'bad';
    return [entry('ended', tone, joined([data.text('input'), verdict]), { detail: isTask(data) })];
  },
  'session.saved': (data) => [
    entry('saved', 'plain', joined([data.text('path'), `${data.number('bytes')} bytes`]), { detail: true }),
  ],
  'output.dropped': (data) => [entry('dropped', 'bad', `${data.number('bytes')} bytes of output beyond the limit`)],
};

/** The task is the first input and bears the dispatch's id; the stages and the result tell of it. */
const isTask = (data: Fields): boolean => data.text('input').startsWith('dsp_');

/** The entries of one event; none for what a timeline does not tell, such as a piece of a message. */
export function entriesOf(event: StreamEvent, scribe: Scribe): readonly Entry[] {
  return tellers[event.type]?.(new Fields(event.data), scribe) ?? [];
}

/** The one argument that says what a tool call does, or all of them. */
function gist(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return text;
    const fields = new Fields(value as Readonly<Record<string, unknown>>);
    return fields.text('command') || fields.text('path') || fields.text('file_path') || text;
  } catch {
    return text;
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** The last line a tool wrote; the exit code that closes it says less. */
function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => !/^\[exit code \d+\]$/.test(line.trim())) ?? lines.at(-1) ?? '';
}
