/** What a script is: steps that a model call walks through, chosen by how many tool results the history holds. */

import { callsOf } from './neutral-tools.ts';

/** One tool call as the model asks for it. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A refusal instead of an answer. */
export interface ScriptedError {
  readonly status: number;
  readonly message?: string;
  /** Seconds for the `retry-after` header. */
  readonly retryAfter?: number;
}

/** A tool on offer. */
export interface OfferedTool {
  readonly name: string;
  /** Names of its arguments. */
  readonly parameters: readonly string[];
  /** Whether it takes one text instead of named arguments. */
  readonly freeform?: boolean;
}

/**
 * One step. `error` and `cut` are met `times` times each (once unless said) before the turn they precede; `delay` waits before the
 * answer. `shell`, `write` and `edit` are neutral and become whichever tool the caller offers.
 */
export interface Step {
  readonly text?: string;
  readonly shell?: string;
  readonly write?: { readonly path: string; readonly content: string };
  readonly edit?: { readonly path: string; readonly old: string; readonly new: string };
  readonly calls?: readonly ToolCall[];
  readonly error?: ScriptedError;
  /** Break the connection after this many bytes of the stream. */
  readonly cut?: number;
  /** Milliseconds. */
  readonly delay?: number;
  /** How often an obstacle is met. */
  readonly times?: number;
}

/** What every dialect's request comes down to. */
export interface ModelRequest {
  readonly model: string;
  /** The latest thing the user said. */
  readonly task: string;
  /** How many things the user said, the latest included. */
  readonly inputs: number;
  /** Text of every tool result since then, oldest first. */
  readonly results: readonly string[];
  readonly tools: readonly OfferedTool[];
  readonly stream: boolean;
}

/** A step resolved against a request: what to send, and how it may go wrong on the way. */
export interface Turn {
  readonly index: number;
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly obstacles: readonly Step[];
}

export type Script = (request: ModelRequest) => readonly Step[];

const maxSteps = 100;
const maxTimes = 1000;

const isObstacle = (step: Step): boolean =>
  step.error !== undefined || step.cut !== undefined || step.delay !== undefined;

const isTurn = ({ text, shell, write, edit, calls }: Step): boolean =>
  [text, shell, write, edit, calls].some((part) => part !== undefined);

const repeated = (obstacle: Step): Step[] =>
  Array.from({ length: Math.min(maxTimes, Math.max(1, obstacle.times ?? 1)) }, () => obstacle);

/** The turn whose tool calls are the next unanswered ones; a history beyond the script gets a closing word. */
export function turnOf(steps: readonly Step[], request: ModelRequest): Turn {
  let obstacles: Step[] = [];
  let index = 0;
  let answered = 0;
  for (const step of steps.slice(0, maxSteps)) {
    if (isObstacle(step)) obstacles.push(...repeated(step));
    if (!isTurn(step)) continue;
    const calls = callsOf(step, request.tools);
    if (answered + calls.length > request.results.length || calls.length === 0) {
      return { index, text: step.text ?? '', calls, obstacles };
    }
    answered += calls.length;
    index += 1;
    obstacles = [];
  }
  return { index, text: 'The script has ended.', calls: [], obstacles };
}

/** The steps in a text between the two tags, which a caller that quoted the whole task has escaped once. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!json.includes('\\"')) throw error;
    return JSON.parse(json.replaceAll('\\"', '"'));
  }
}

/** A script that was written into the task, between `<script>` and `</script>`; throws a SyntaxError when it is not one. */
export function inlineScript(task: string): readonly Step[] | undefined {
  const from = task.indexOf('<script>');
  const to = task.indexOf('</script>', from);
  if (from < 0 || to < 0) return undefined;
  const steps = parsed(task.slice(from + '<script>'.length, to));
  if (!Array.isArray(steps) || !steps.every((step) => typeof step === 'object' && step !== null)) {
    throw new SyntaxError('a script is a list of steps');
  }
  return steps as readonly Step[];
}
