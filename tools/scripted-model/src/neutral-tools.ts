/** Neutral steps as calls of the tools that a caller offers: every coding agent has a shell and a way to write files, none by the same name. */

import type { OfferedTool, Step, ToolCall } from './script.ts';

const shellTools = ['bash', 'Bash', 'shell', 'exec_command', 'run_shell_command'];
const writeTools = ['write_file', 'Write', 'write'];
const commandNames = ['command', 'cmd'];
const pathNames = ['path', 'file_path', 'filePath'];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const firstOf = (names: readonly string[], tools: readonly OfferedTool[]): OfferedTool | undefined =>
  names.map((name) => tools.find((tool) => tool.name === name)).find((tool) => tool !== undefined);

/** The name that a tool's own schema has for an argument; a tool without a schema takes the usual one. */
const argumentOf = (tool: OfferedTool, names: readonly string[]): string =>
  names.find((name) => tool.parameters.includes(name)) ?? names[0] ?? '';

function shellCall(command: string, tools: readonly OfferedTool[]): ToolCall {
  const tool = firstOf(shellTools, tools) ?? { name: 'bash', parameters: [] };
  const described = tool.parameters.includes('description') ? { description: 'A step of the script' } : {};
  return { name: tool.name, arguments: { [argumentOf(tool, commandNames)]: command, ...described } };
}

function writeCall(file: { path: string; content: string }, tools: readonly OfferedTool[]): ToolCall {
  const tool = firstOf(writeTools, tools);
  if (tool === undefined) return shellCall(`printf '%s' ${quoted(file.content)} > ${quoted(file.path)}`, tools);
  return { name: tool.name, arguments: { [argumentOf(tool, pathNames)]: file.path, content: file.content } };
}

const replaceOnce = [
  'const fs = require("fs");',
  'const [path, old, next] = process.argv.slice(1);',
  'const text = fs.readFileSync(path, "utf8");',
  'if (!text.includes(old)) { console.error(path + " does not hold that text"); process.exit(1); }',
  'fs.writeFileSync(path, text.replace(old, () => next));',
].join(' ');

/** The edit tools of coding agents want the file read first; only ours does not. */
function editCall(edit: { path: string; old: string; new: string }, tools: readonly OfferedTool[]): ToolCall {
  if (tools.some((tool) => tool.name === 'edit_file')) return { name: 'edit_file', arguments: edit };
  return shellCall(`node -e ${[replaceOnce, edit.path, edit.old, edit.new].map(quoted).join(' ')}`, tools);
}

/** Every call of a step, in order. */
export function callsOf(step: Step, tools: readonly OfferedTool[]): ToolCall[] {
  return [
    ...(step.shell === undefined ? [] : [shellCall(step.shell, tools)]),
    ...(step.write === undefined ? [] : [writeCall(step.write, tools)]),
    ...(step.edit === undefined ? [] : [editCall(step.edit, tools)]),
    ...(step.calls ?? []),
  ];
}
