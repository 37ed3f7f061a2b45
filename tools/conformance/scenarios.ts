/**
 * What every coding agent has to get right, as data: what the model does, what the role allows, and what must be seen afterwards. What is
 * seen is the commit, the verdict and the events; no program's own word for success counts.
 */

import type { EventView } from '../e2e/started-stack.ts';

/** What was seen of one run. */
export interface Sighting {
  readonly verdict: string;
  readonly state: string;
  readonly reason: string;
  /** Content of the scenario's file in the workspace afterwards; undefined when it is not there. */
  readonly file: string | undefined;
  readonly events: readonly EventView[];
  /** HTTP statuses the model answered with, in order. */
  readonly statuses: readonly number[];
  /** Whether the model was shown the words of an earlier run of the conversation. */
  readonly remembers: boolean;
}

/** A step of `tools/scripted-model`. */
type Step = Readonly<Record<string, unknown>>;

export interface Scenario {
  readonly name: string;
  /** Steps of the model; `file` is the scenario's own, below the workspace. */
  readonly steps: (file: string) => readonly Step[];
  /** Tools the role names; none allows all. */
  readonly tools?: readonly string[];
  readonly idleSeconds?: number;
  /** What happens to the run from outside. */
  readonly meanwhile?: 'cancel';
  /** A run before it, in the same conversation. */
  readonly before?: (file: string) => readonly Step[];
  /** What is wrong with what was seen; undefined when it is right. */
  readonly judge: (seen: Sighting) => string | undefined;
}

/** Name of the model that a command of a scenario asks for, to say that it runs: some programs tell of a call only when it has ended. */
export const announced = 'the-command-runs';
const announce = `curl -s -m 20 -o /dev/null http://model.sallyport.internal/v1/chat/completions -H content-type:application/json -d '{"model":"${announced}","messages":[]}'`;

/** Characters of an event's text at most, and some room around it. */
const maxEvent = 128 * 1024;

const write = (file: string, text = 'made'): Step => ({ text: 'Working.', shell: `printf '${text}' > '${file}'` });
const done: Step = { text: 'Done.' };

const calls = (seen: Sighting) => seen.events.filter(({ type }) => type === 'tool.completed');
const said = (seen: Sighting, text: string): boolean =>
  calls(seen).some(({ data }) => typeof data['text'] === 'string' && data['text'].includes(text));
/** A line of its output that was too long to be read, told as such. */
const leftOut = (seen: Sighting): boolean =>
  seen.events.some(
    ({ type, data }) => type === 'raw' && /^\[a line of \d+ bytes was left out\]$/.test(String(data['text'])),
  );
const errors = (seen: Sighting) => seen.events.filter(({ type }) => type === 'error').map(({ data }) => data['reason']);

/** First thing that does not hold, as a sentence. */
const all = (...found: readonly (string | false)[]): string | undefined =>
  found.find((sentence) => typeof sentence === 'string') || undefined;

const verdict = (seen: Sighting, wanted: string): string | false =>
  seen.verdict !== wanted && `verdict is ${seen.verdict} (${seen.reason}; ${errors(seen).join(', ')}), not ${wanted}`;

const file = (seen: Sighting, wanted: string | undefined): string | false =>
  seen.file !== wanted && `the commit holds ${JSON.stringify(seen.file)}, not ${JSON.stringify(wanted)}`;

const repeated = (step: Step, times: number): Step => ({ ...step, times });

export const scenarios: readonly Scenario[] = [
  {
    name: 'tool ok',
    steps: (path) => [write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        !calls(seen).some(({ data }) => data['ok'] === true) && 'no call is told as ok',
      ),
  },
  {
    name: 'tool fails',
    steps: (path) => [{ shell: 'echo broken >&2; exit 3' }, write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        !calls(seen).some(({ data }) => data['ok'] !== true) && 'no call is told as failed',
      ),
  },
  {
    name: 'deny',
    tools: ['read_file'],
    steps: (path) => [write(path), done],
    judge: (seen) => all(verdict(seen, 'blocked'), file(seen, undefined)),
  },
  {
    name: 'ask',
    tools: ['bash'],
    steps: (path) => [write(path), done],
    judge: (seen) => all(verdict(seen, 'succeeded'), file(seen, 'made')),
  },
  {
    name: '401',
    steps: () => [repeated({ error: { status: 401 } }, 50), done],
    judge: (seen) =>
      all(verdict(seen, 'failed'), !errors(seen).includes('model.refused') && `errors are ${errors(seen).join(', ')}`),
  },
  {
    name: '429',
    steps: (path) => [{ error: { status: 429, retryAfter: 0 } }, write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        !seen.statuses.includes(429) && 'the model never answered 429',
      ),
  },
  {
    name: 'cut stream',
    steps: (path) => [{ cut: 120 }, write(path), done],
    judge: (seen) => all(verdict(seen, 'succeeded'), file(seen, 'made')),
  },
  {
    name: 'huge output',
    steps: (path) => [{ shell: 'head -c 12000000 /dev/zero | tr "\\\\0" x | fold -w 1000' }, write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        !said(seen, 'xxxxxxxx') && !leftOut(seen) && 'nothing of the output is told',
        seen.events.some(({ data }) => JSON.stringify(data).length > maxEvent) &&
          'an event is longer than a bounded one',
      ),
  },
  {
    name: 'non-UTF-8',
    steps: (path) => [{ shell: 'printf "a\\\\377\\\\376b\\\\0c\\\\n"' }, write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        calls(seen).length < 2 && 'a call is not told',
        seen.events.some(({ data }) => !JSON.stringify(data).isWellFormed()) && 'an event holds what is no text',
      ),
  },
  {
    name: 'resume',
    before: () => [{ text: 'Remembered.' }],
    steps: (path) => [write(path), done],
    judge: (seen) =>
      all(
        verdict(seen, 'succeeded'),
        file(seen, 'made'),
        !seen.remembers && 'the model is not shown what was said before',
      ),
  },
  {
    name: 'cancel',
    meanwhile: 'cancel',
    steps: (path) => [{ shell: `(sleep 300; touch '${path}') & ${announce}; sleep 300` }, done],
    judge: (seen) => all(seen.state !== 'cancelled' && `the run is ${seen.state}`, file(seen, undefined)),
  },
  {
    name: 'stall',
    // Three quarters of it may pass in silence, a slow start among them.
    idleSeconds: 32,
    steps: (path) => [write(path), { delay: 3_600_000 }, done],
    judge: (seen) =>
      all(
        verdict(seen, 'runner_error'),
        !errors(seen).includes('runner.stalled') && `errors are ${errors(seen).join(', ')}`,
        file(seen, 'made'),
      ),
  },
];
