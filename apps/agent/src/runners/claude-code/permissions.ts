/** Which of Claude Code's tools a role allows, and the answers to its questions about them. */

import type { Line, Reading } from '../cli/adapter.ts';
import { record, text } from '../cli/line-fields.ts';

/** Its tools behind our names. */
const behind: Readonly<Record<string, readonly string[]>> = {
  bash: ['Bash', 'BashOutput', 'KillShell', 'TaskStop', 'Monitor'],
  read_file: ['Read'],
  write_file: ['Write'],
  edit_file: ['Edit', 'NotebookEdit'],
  list_files: ['Glob', 'Grep', 'LS'],
};

/** Searched and fetched on the provider's side, they would be a way out that no boundary of ours sees; a role has to name them. */
const web = ['WebFetch', 'WebSearch'];

/** Tools it runs without a question, so that only taking them away holds. */
const unasked = [
  'Agent',
  'CronCreate',
  'CronDelete',
  'CronList',
  'EnterWorktree',
  'ExitWorktree',
  'Glob',
  'Grep',
  'ListAgents',
  'LS',
  'Monitor',
  'Read',
  'ReportFindings',
  'ScheduleWakeup',
  'SendMessage',
  'Skill',
  'Task',
  'TaskStop',
  'ToolSearch',
  'Workflow',
  ...web,
];

/** Its names of what a role allows; a name that is not one of ours is taken as one of its own. */
export const allowedTools = (tools: readonly string[]): readonly string[] =>
  tools.flatMap((name) => behind[name] ?? [name]);

/**
 * Arguments that hold a role's tools. A role that names none allows all: the sandbox is the boundary then, and nobody is asked. A role
 * that names some has every other tool taken away or asked about, and no settings of the workspace may widen it.
 */
export function permissionArguments(tools: readonly string[]): readonly string[] {
  if (tools.length === 0) return ['--permission-mode', 'bypassPermissions', '--disallowedTools', web.join(',')];
  const allowed = allowedTools(tools);
  return [
    ['--permission-mode', 'manual', '--permission-prompt-tool', 'stdio', '--setting-sources', 'user'],
    ['--disallowedTools', unasked.filter((name) => !allowed.includes(name)).join(',')],
  ].flat();
}

const reply = (request: string, response: object): string =>
  JSON.stringify({ type: 'control_response', response: { subtype: 'success', request_id: request, response } });

/** The answer to one question: yes for a tool the role allows, no for everything else, whatever is asked. */
export function answerQuestion(line: Line, tools: readonly string[]): Reading {
  const id = text(line['request_id']);
  const request = record(line['request']);
  if (text(request['subtype']) !== 'can_use_tool') {
    const response = { subtype: 'error', request_id: id, error: 'not answered here' };
    return { events: [], answer: [JSON.stringify({ type: 'control_response', response })] };
  }
  const tool = text(request['tool_name']);
  if (tools.length === 0 || allowedTools(tools).includes(tool)) {
    return { events: [], answer: [reply(id, { behavior: 'allow', updatedInput: record(request['input']) })] };
  }
  const message = `This role does not allow the tool ${tool}. It allows: ${tools.join(', ')}. Do not try it again.`;
  return {
    events: [],
    denied: [text(request['tool_use_id'])],
    answer: [reply(id, { behavior: 'deny', message })],
  };
}
