/** A wire protocol of model providers; one file each, nothing else in the server knows one from another. */

import type { Entry } from '../history.ts';
import type { ModelRequest, OfferedTool, Turn } from '../script.ts';

/** What an answer costs, as the provider would count it. */
export interface Usage {
  readonly input: number;
  readonly output: number;
}

/** What a request says, before anybody has asked what of it matters. */
export interface Said {
  readonly model: string;
  /** Standing instructions. */
  readonly system: string;
  readonly entries: readonly Entry[];
  readonly tools: readonly OfferedTool[];
  readonly stream: boolean;
}

export interface Dialect {
  readonly name: string;
  /** Whether a request path is this dialect's model call. */
  matches(path: string): boolean;
  /** Reads a request body; a field of a wrong shape counts as absent. */
  request(body: Body, path: string): Said;
  /** The answer as SSE blocks, each complete with its blank line. */
  stream(turn: Turn, request: ModelRequest, usage: Usage): string[];
  /** The answer as one JSON body. */
  whole(turn: Turn, request: ModelRequest, usage: Usage): unknown;
  error(status: number, message: string): unknown;
}

export type Body = Readonly<Record<string, unknown>>;

export const record = (value: unknown): Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {};

export const list = (value: unknown): readonly Body[] => (Array.isArray(value) ? value.map(record) : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Text of a content field that is either a string or a list of typed parts. */
export const contentText = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(part['text']))
        .join('');

/** Pieces of a text as a model would stream them: a few words at a time. */
export const pieces = (whole: string): string[] => whole.match(/[\s\S]{1,24}(?:\s+|$)|[\s\S]{1,24}/g) ?? [];

/** Names of the arguments that a tool's JSON schema knows. */
export const properties = (schema: unknown): string[] => Object.keys(record(record(schema)['properties']));

/** A server-sent event with a name. */
export const named = (name: string, data: Body): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** Tool call ids are stable per position, so that a resent request gets the same answer, and differ from input to input. */
export const callId = (turn: Turn, request: ModelRequest, position: number): string =>
  `call_${request.inputs}_${turn.index}_${position}`;
