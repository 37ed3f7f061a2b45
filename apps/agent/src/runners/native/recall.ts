/** A conversation of the native loop as a session file, and back. */

import { type SessionFile, SessionUnusable } from '../../sessions/session-file.ts';
import type { Call, CallResult, Message } from './conversation.ts';

const path = 'conversation.json';

/** What answers a call that was under way when its input was stopped: a provider takes no call without a result. */
const unanswered = 'stopped before it was done';

/** The conversation with every call answered. */
export function settled(messages: readonly Message[]): readonly Message[] {
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || last.calls.length === 0) return messages;
  const results = last.calls.map(({ id }): CallResult => ({ call: id, ok: false, text: unanswered }));
  return [...messages, { role: 'results', results }];
}

export function remember(session: string, version: string, messages: readonly Message[]): SessionFile {
  const data = Buffer.from(`${JSON.stringify(settled(messages))}\n`);
  return { runner: 'native', version, session, native: session, files: [{ path, data }] };
}

/** The messages of a session file; none without one. Throws SessionUnusable for a file of another making. */
export function recall(file: SessionFile | undefined): readonly Message[] {
  if (file === undefined) return [];
  const entry = file.files.find((candidate) => candidate.path === path);
  const messages = entry === undefined ? undefined : messagesOf(entry.data);
  if (messages === undefined) {
    throw new SessionUnusable(
      'runner.session_malformed',
      'the session file holds no conversation of the native runner',
    );
  }
  return settled(messages);
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null;

const isCall = (value: unknown): value is Call =>
  isRecord(value) &&
  typeof value['id'] === 'string' &&
  typeof value['name'] === 'string' &&
  typeof value['arguments'] === 'string';

const isResult = (value: unknown): value is CallResult =>
  isRecord(value) &&
  typeof value['call'] === 'string' &&
  typeof value['ok'] === 'boolean' &&
  typeof value['text'] === 'string';

function isMessage(value: unknown): value is Message {
  if (!isRecord(value)) return false;
  const { role, text, calls, results } = value;
  if (role === 'user') return typeof text === 'string';
  if (role === 'assistant') return typeof text === 'string' && Array.isArray(calls) && calls.every(isCall);
  return role === 'results' && Array.isArray(results) && results.every(isResult);
}

function messagesOf(data: Uint8Array): readonly Message[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return Array.isArray(value) && value.every(isMessage) ? value : undefined;
  } catch {
    return undefined;
  }
}
