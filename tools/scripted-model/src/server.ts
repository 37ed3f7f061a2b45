/** The server: finds the dialect, the script and the turn, and answers as the turn says. */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { anthropicMessages } from './dialects/anthropic-messages.ts';
import type { Body, Dialect } from './dialects/dialect.ts';
import { record } from './dialects/dialect.ts';
import { gemini } from './dialects/gemini.ts';
import { openaiChat } from './dialects/openai-chat.ts';
import { openaiResponses } from './dialects/openai-responses.ts';
import { carriesKey } from './key.ts';
import { asksForTitle, requestOf } from './request.ts';
import { RequestLog } from './request-log.ts';
import { type ModelRequest, type Step, type Turn, turnOf } from './script.ts';
import { stepsOf } from './scripts/built-in.ts';

const dialects: readonly Dialect[] = [anthropicMessages, openaiChat, openaiResponses, gemini];

/** Token counters that clients ask beside the model. */
const counters = [
  { suffix: '/v1/messages/count_tokens', answer: (tokens: number) => ({ input_tokens: tokens }) },
  { suffix: ':countTokens', answer: (tokens: number) => ({ totalTokens: tokens }) },
];

const maxBodyBytes = 64 * 1024 * 1024;
const longestDelay = 120_000;

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new RangeError('the body is larger than 64 MiB');
    chunks.push(chunk);
  }
  return record(JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}'));
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function sendStream(response: ServerResponse, blocks: readonly string[], cut: number | undefined): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  let sent = 0;
  for (const block of blocks) {
    if (cut !== undefined && sent + block.length > cut) {
      response.write(block.slice(0, cut - sent), () => response.destroy());
      return;
    }
    sent += block.length;
    if (!response.write(block)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    // A turn of the event loop per block, so that the caller really sees several.
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

/** Obstacles are met in order, one per attempt at the same turn of the same conversation, and forgotten once the turn is served. */
class Obstacles {
  private readonly met = new Map<string, number>();

  next(dialect: Dialect, request: ModelRequest, turn: Turn): Step | undefined {
    const key = createHash('sha256')
      .update(`${dialect.name}\n${request.model}\n${request.inputs} ${request.results.length}\n${request.task}`)
      .digest('hex');
    const index = this.met.get(key) ?? 0;
    const step = turn.obstacles[index];
    if (step === undefined) this.met.delete(key);
    else this.met.set(key, index + 1);
    return step;
  }
}

/** Waits, but not for a caller that has gone. */
async function pause(millis: number, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await wait(millis, undefined, { signal: gone.signal });
}

async function answer(
  dialect: Dialect,
  body: Body,
  request: ModelRequest,
  steps: readonly Step[],
  obstacles: Obstacles,
  response: ServerResponse,
): Promise<{ turn: number; status: number }> {
  const turn = turnOf(steps, request);
  let obstacle = obstacles.next(dialect, request, turn);
  while (obstacle?.delay !== undefined && obstacle.error === undefined && obstacle.cut === undefined) {
    await pause(Math.min(obstacle.delay, longestDelay), response);
    obstacle = obstacles.next(dialect, request, turn);
  }
  const error = obstacle?.error;
  if (error !== undefined) {
    const headers = error.retryAfter === undefined ? undefined : { 'retry-after': String(error.retryAfter) };
    sendJson(response, error.status, dialect.error(error.status, error.message ?? 'scripted error'), headers);
    return { turn: turn.index, status: error.status };
  }
  const said = turn.text.length + turn.calls.reduce((sum, call) => sum + JSON.stringify(call.arguments).length, 0);
  const usage = { input: Math.ceil(JSON.stringify(body).length / 4), output: Math.max(1, Math.ceil(said / 4)) };
  if (request.stream) await sendStream(response, dialect.stream(turn, request, usage), obstacle?.cut);
  else sendJson(response, 200, dialect.whole(turn, request, usage));
  return { turn: turn.index, status: obstacle?.cut === undefined ? 200 : 0 };
}

function serveLog(log: RequestLog, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'DELETE') log.clear();
  sendJson(response, 200, { requests: log.all() });
}

export interface Options {
  /** A model call without this key is refused with 401, as a provider would. */
  readonly requireKey?: string | undefined;
}

const title = 'A scripted task';

async function serveModel(
  { log, obstacles, options }: { log: RequestLog; obstacles: Obstacles; options: Options },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://scripted').pathname;
  const dialect = dialects.find((candidate) => candidate.matches(path));
  const counter = counters.find(({ suffix }) => path.endsWith(suffix));
  if (request.method !== 'POST' || (dialect === undefined && counter === undefined)) {
    sendJson(response, 404, { error: { message: `no model call at ${path}` } });
    return;
  }
  const body = await bodyOf(request);
  const refused = options.requireKey !== undefined && !carriesKey(request, options.requireKey);
  if (dialect === undefined) {
    const tokens = Math.ceil(JSON.stringify(body).length / 4);
    sendJson(response, refused ? 401 : 200, refused ? {} : counter?.answer(tokens));
    return;
  }
  const said = dialect.request(body, path);
  const neutral = requestOf(said);
  const entry = { method: request.method, path, headers: request.headers, dialect: dialect.name, model: neutral.model };
  const results = neutral.results.length;
  if (refused) {
    sendJson(response, 401, dialect.error(401, 'the key is missing or wrong'));
    log.add({ ...entry, results, turn: 0, status: 401, body });
    return;
  }
  const steps = asksForTitle(said) ? [{ text: title }] : stepsOf(neutral);
  const outcome = await answer(dialect, body, neutral, steps, obstacles, response);
  log.add({ ...entry, results, turn: outcome.turn, status: outcome.status, body });
}

/** A server that is not listening yet, and its log. */
export function scriptedModel(options: Options = {}): { server: Server; log: RequestLog } {
  const log = new RequestLog();
  const obstacles = new Obstacles();
  const server = createServer((request, response) => {
    if (request.method === 'HEAD' || request.url === '/healthz') {
      response.writeHead(200).end();
    } else if (request.url === '/_scripted/requests') {
      serveLog(log, request, response);
    } else {
      serveModel({ log, obstacles, options }, request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else sendJson(response, 400, { error: { type: 'invalid_request_error', message: String(error) } });
      });
    }
  });
  return { server, log };
}
