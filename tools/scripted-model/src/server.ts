/** The server: finds the dialect, the script and the turn, and answers as the turn says. */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { anthropicMessages } from './dialects/anthropic-messages.ts';
import type { Body, Dialect } from './dialects/dialect.ts';
import { record } from './dialects/dialect.ts';
import { openaiChat } from './dialects/openai-chat.ts';
import { RequestLog } from './request-log.ts';
import { type ModelRequest, type Step, type Turn, turnOf } from './script.ts';
import { stepsOf } from './scripts/built-in.ts';

const dialects: readonly Dialect[] = [anthropicMessages, openaiChat];

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
      .update(`${dialect.name}\n${request.model}\n${request.results.length}\n${request.task}`)
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
  obstacles: Obstacles,
  response: ServerResponse,
): Promise<{ turn: number; status: number }> {
  const turn = turnOf(stepsOf(request), request);
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

async function serveModel(
  log: RequestLog,
  obstacles: Obstacles,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://scripted').pathname;
  const dialect = dialects.find((candidate) => candidate.matches(path));
  const counts = path.endsWith('/v1/messages/count_tokens');
  if (request.method !== 'POST' || (dialect === undefined && !counts)) {
    sendJson(response, 404, { error: { message: `no model call at ${path}` } });
    return;
  }
  const body = await bodyOf(request);
  if (dialect === undefined) {
    sendJson(response, 200, { input_tokens: Math.ceil(JSON.stringify(body).length / 4) });
    return;
  }
  const neutral = dialect.request(body, path);
  const outcome = await answer(dialect, body, neutral, obstacles, response);
  log.add({
    method: request.method,
    path,
    headers: request.headers,
    dialect: dialect.name,
    model: neutral.model,
    results: neutral.results.length,
    turn: outcome.turn,
    status: outcome.status,
    body,
  });
}

/** A server that is not listening yet, and its log. */
export function scriptedModel(): { server: Server; log: RequestLog } {
  const log = new RequestLog();
  const obstacles = new Obstacles();
  const server = createServer((request, response) => {
    if (request.method === 'HEAD' || request.url === '/healthz') {
      response.writeHead(200).end();
    } else if (request.url === '/_scripted/requests') {
      serveLog(log, request, response);
    } else {
      serveModel(log, obstacles, request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else sendJson(response, 400, { error: { type: 'invalid_request_error', message: String(error) } });
      });
    }
  });
  return { server, log };
}
