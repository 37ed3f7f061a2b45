/** A provider's wire protocol: how a question is written, and how an answer is read piece by piece. */

import type { Piece, Question } from '../conversation.ts';
import { ModelTrouble } from '../model-trouble.ts';
import type { ServerSentEvent } from '../sse.ts';

export interface Dialect {
  /** Path and query below the model endpoint. */
  path(question: Question): string;
  readonly headers: Readonly<Record<string, string>>;
  body(question: Question): unknown;
  /** A fresh reader per answer. */
  reader(): AnswerReader;
}

export interface AnswerReader {
  /** Throws a ModelTrouble when the provider reports one inside the stream. */
  read(event: ServerSentEvent): Piece[];
  /** What is left to say when the stream has closed. */
  close(): Piece[];
}

export type Json = Readonly<Record<string, unknown>>;

export const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(record) : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const count = (value: unknown): number => (typeof value === 'number' && value >= 0 ? Math.trunc(value) : 0);

/** The JSON of an event. Broken JSON means a broken stream, which may go well the next time. */
export function dataOf(event: ServerSentEvent): Json {
  try {
    return record(JSON.parse(event.data));
  } catch (cause) {
    throw new ModelTrouble(
      { reason: 'model.stream_broken', message: 'the stream holds an event that is not JSON', again: true },
      { cause },
    );
  }
}

/** Arguments as an object for dialects that want one; what is not JSON goes back as the text it was. */
export function argumentsObject(json: string): unknown {
  if (json.trim() === '') return {};
  try {
    return record(JSON.parse(json));
  } catch {
    return { malformed: json };
  }
}
