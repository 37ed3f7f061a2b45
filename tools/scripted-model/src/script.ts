/** What a script is: steps that a model call walks through, chosen by how many tool results the history holds. */

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

/**
 * One step. `error` and `cut` are met once each before the turn they precede; `delay` waits before the answer. `shell` and `write`
 * are neutral and become whichever tool the caller offers.
 */
export interface Step {
  readonly text?: string;
  readonly shell?: string;
  readonly write?: { readonly path: string; readonly content: string };
  readonly calls?: readonly ToolCall[];
  readonly error?: ScriptedError;
  /** Break the connection after this many bytes of the stream. */
  readonly cut?: number;
  /** Milliseconds. */
  readonly delay?: number;
}

/** What every dialect's request comes down to. */
export interface ModelRequest {
  readonly model: string;
  /** First thing the user said. */
  readonly task: string;
  /** Text of every tool result in the history, oldest first. */
  readonly results: readonly string[];
  /** Names of the tools on offer. */
  readonly tools: readonly string[];
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

const shellTools = ['bash', 'Bash', 'shell', 'exec_command', 'run_shell_command'];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function shellCall(command: string, tools: readonly string[]): ToolCall {
  const name = shellTools.find((tool) => tools.includes(tool)) ?? 'bash';
  return { name, arguments: name === 'exec_command' ? { cmd: command } : { command } };
}

function writeCall(file: { path: string; content: string }, tools: readonly string[]): ToolCall {
  if (tools.includes('write_file'))
    return { name: 'write_file', arguments: { path: file.path, content: file.content } };
  return shellCall(`printf '%s' ${quoted(file.content)} > ${quoted(file.path)}`, tools);
}

function callsOf(step: Step, tools: readonly string[]): ToolCall[] {
  return [
    ...(step.shell === undefined ? [] : [shellCall(step.shell, tools)]),
    ...(step.write === undefined ? [] : [writeCall(step.write, tools)]),
    ...(step.calls ?? []),
  ];
}

const isObstacle = (step: Step): boolean =>
  step.error !== undefined || step.cut !== undefined || step.delay !== undefined;

const isTurn = (step: Step): boolean =>
  step.text !== undefined || step.shell !== undefined || step.write !== undefined || step.calls !== undefined;

/** The turn whose tool calls are the next unanswered ones; a history beyond the script gets a closing word. */
export function turnOf(steps: readonly Step[], request: ModelRequest): Turn {
  let obstacles: Step[] = [];
  let index = 0;
  let answered = 0;
  for (const step of steps.slice(0, maxSteps)) {
    if (isObstacle(step)) obstacles.push(step);
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

/** A script that was written into the task, between `<script>` and `</script>`; throws a SyntaxError when it is not one. */
export function inlineScript(task: string): readonly Step[] | undefined {
  const from = task.indexOf('<script>');
  const to = task.indexOf('</script>');
  if (from < 0 || to < from) return undefined;
  const steps: unknown = JSON.parse(task.slice(from + '<script>'.length, to));
  if (!Array.isArray(steps) || !steps.every((step) => typeof step === 'object' && step !== null)) {
    throw new SyntaxError('a script is a list of steps');
  }
  return steps as readonly Step[];
}
