/** Server-sent events that outlive their connection: on a cut it goes on behind the last id it has given out. */

import { setTimeout } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Api, Ask } from './api.ts';

/** An event of a run's stream: CloudEvents 1.0 in JSON. */
export interface StreamEvent {
  readonly type: string;
  readonly id?: string;
  /** Position in the stream; absent for what must not be resumed from. */
  readonly seq?: number;
  readonly time?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const startTimer = globalThis.setTimeout;

const patience = { firstMs: 200, mostMs: 5_000, silenceMs: 35_000 } as const;

/** Messages until the server says `end`, or for ever. Throws the API's refusal, or that nobody answers any more. */
export async function* follow(
  api: Api,
  path: string,
  ask: Ask,
  after: string | undefined,
): AsyncGenerator<EventSourceMessage> {
  let cursor = after;
  let wait: number = patience.firstMs;
  let connected = false;
  for (;;) {
    try {
      for await (const message of connect(api, path, ask, cursor)) {
        wait = patience.firstMs;
        connected = true;
        if (message.event === 'problem') throw problem(message.data);
        yield message;
        if (message.id !== undefined && message.id !== '') cursor = message.id;
        if (message.event === 'end') return;
      }
    } catch (error) {
      if (api.signal.aborted) throw api.signal.reason;
      const gone = error instanceof Failure && error.exitCode !== exit.unreachable;
      if (gone || !connected || wait > patience.mostMs) throw error;
    }
    await setTimeout(wait, undefined, { signal: api.signal }).catch(() => {
      throw api.signal.reason;
    });
    wait *= 2;
  }
}

async function* connect(
  api: Api,
  path: string,
  ask: Ask,
  cursor: string | undefined,
): AsyncGenerator<EventSourceMessage> {
  const headers = { accept: 'text/event-stream', ...(cursor === undefined ? {} : { 'last-event-id': cursor }) };
  const response = await api.ask(path, { ...ask, headers });
  const queue: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void queue.push(message) });
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await alive(reader);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* queue.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** A read that gives up when not even a heartbeat comes. */
async function alive<T>(reader: { read(): Promise<T> }): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = startTimer(() => reject(new Error('the stream is silent')), patience.silenceMs);
  });
  return Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
}

/** The event of a message, or undefined when it is none. */
export function eventOf(message: EventSourceMessage): StreamEvent | undefined {
  const value = JSON.parse(message.data) as Partial<StreamEvent>;
  return typeof value.type === 'string' ? { ...value, type: value.type, data: value.data ?? {} } : undefined;
}

function problem(data: string): Failure {
  const {
    code = 'cli.stream',
    detail = 'the stream ended',
    category = '',
  } = JSON.parse(data) as Record<string, string>;
  const status = category === 'unauthenticated' ? 401 : category === 'not_found' ? 404 : 503;
  return Failure.refused(status, { type: `/problems/${code}`, title: 'The stream ended', status, detail, code });
}
