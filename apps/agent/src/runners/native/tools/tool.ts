/** What a tool of the native loop is, and how its arguments are read. */

import type { ToolOffer } from '../conversation.ts';

export interface ToolContext {
  /** Working directory of relative paths and commands. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** A piece of output while the tool runs. */
  readonly output: (text: string) => Promise<void>;
  /** The tool changed a file, by absolute path. */
  readonly changed: (path: string) => Promise<void>;
}

export interface ToolResult {
  readonly ok: boolean;
  readonly text: string;
}

export type Arguments = Readonly<Record<string, unknown>>;

export interface Tool {
  readonly offer: ToolOffer;
  /** Rejects with a plain Error to tell the model what is wrong with its call. */
  run(args: Arguments, context: ToolContext): Promise<ToolResult>;
}

/** Characters of a result that the model gets to see, and of any text in an event. */
export const maxResult = 64 * 1024;

export function textArgument(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value !== 'string') throw new Error(`"${name}" must be a string`);
  return value;
}

export function numberArgument(args: Arguments, name: string, usual: number, min: number, max: number): number {
  const value = args[name] ?? usual;
  if (typeof value !== 'number' || Number.isNaN(value)) throw new Error(`"${name}" must be a number`);
  return Math.min(max, Math.max(min, value));
}

/** A JSON schema of an object whose named properties are all of it. */
export function parameters(properties: Readonly<Record<string, object>>, required: readonly string[]): Arguments {
  return { type: 'object', properties, required: [...required], additionalProperties: false };
}

/** Both ends of a text that is too long, with the middle counted. */
export function clip(text: string, max = maxResult): string {
  if (text.length <= max) return text;
  const half = Math.floor((max - 64) / 2);
  return `${text.slice(0, half)}\n[... ${text.length - 2 * half} characters left out ...]\n${text.slice(-half)}`;
}
