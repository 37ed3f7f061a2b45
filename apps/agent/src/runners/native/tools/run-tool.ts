/** Every tool the native loop has, and one call of one of them: whatever goes wrong becomes a result the model can read. */

import type { Call, CallResult } from '../conversation.ts';
import { bash } from './bash.ts';
import { editFileTool, listFilesTool, readFileTool, writeFileTool } from './files.ts';
import { type Arguments, clip, type Tool, type ToolContext } from './tool.ts';

const all: readonly Tool[] = [bash, readFileTool, writeFileTool, editFileTool, listFilesTool];

export const toolNames: readonly string[] = all.map((tool) => tool.offer.name);

/** Tools by name; an empty list asks for all of them. */
export const toolsFor = (names: readonly string[]): readonly Tool[] =>
  names.length === 0 ? all : all.filter((tool) => names.includes(tool.offer.name));

function argumentsOf(call: Call): Arguments {
  if (call.arguments.trim() === '') return {};
  const value: unknown = JSON.parse(call.arguments);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('the arguments must be an object');
  return value as Arguments;
}

export async function runTool(tools: readonly Tool[], call: Call, context: ToolContext): Promise<CallResult> {
  const tool = tools.find((candidate) => candidate.offer.name === call.name);
  try {
    if (tool === undefined) {
      throw new Error(`there is no tool "${call.name}"; there are: ${tools.map(({ offer }) => offer.name).join(', ')}`);
    }
    return { call: call.id, ...(await tool.run(argumentsOf(call), context)) };
  } catch (error) {
    return { call: call.id, ok: false, text: clip(error instanceof Error ? error.message : String(error)) };
  }
}
