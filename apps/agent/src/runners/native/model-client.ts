/** One model call over a tunnel of the tether; the answer comes out piece by piece, as it arrives. */

import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { http } from '../../builtin-http.ts';
import type { Piece, Question } from './conversation.ts';
import type { Dialect } from './dialects/dialect.ts';
import { ModelTrouble, troubleOf } from './model-trouble.ts';
import { SseParser } from './sse.ts';

export type Open = (host: string, port: number) => Promise<Socket>;

/** Milliseconds without a byte after which a provider counts as silent. */
const silentMillis = 300_000;
/** Milliseconds that a stream may stay open after the answer in it is whole. */
const lingerMillis = 500;
const maxErrorBytes = 64 * 1024;

/** Keeps tunnels open between turns. */
class TunnelAgent extends http.Agent {
  private readonly open: Open;

  constructor(open: Open) {
    super({ keepAlive: true, maxSockets: 2 });
    this.open = open;
  }

  override createConnection(
    options: { host?: string | null; port?: number | string | null },
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.open(options.host ?? '', Number(options.port ?? 80)).then(
      (socket) => done?.(null, socket),
      // Node's types want a stream beside the error; it never looks at one.
      (error: unknown) => done?.(error instanceof Error ? error : new Error(String(error)), undefined as never),
    );
    return undefined;
  }
}

export class ModelClient {
  private readonly agent: Agent;
  private readonly base: URL;

  constructor(open: Open, modelUrl: string) {
    this.agent = new TunnelAgent(open);
    this.base = new URL(modelUrl === '' ? 'http://model.sallyport.internal' : modelUrl);
  }

  close(): void {
    this.agent.destroy();
  }

  /** Pieces of the answer; the last is its `end`. Throws a ModelTrouble, or the signal's AbortError. */
  async *ask(dialect: Dialect, question: Question, signal: AbortSignal): AsyncGenerator<Piece> {
    const response = await this.post(dialect, question, signal);
    if (response.statusCode !== 200) throw await refusalOf(response);
    const parser = new SseParser();
    const reader = dialect.reader();
    let linger: NodeJS.Timeout | undefined;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (const event of parser.push(chunk)) {
          for (const piece of reader.read(event)) {
            yield piece;
            // The stream is read to its end, so that its connection can serve the next turn; a server that holds it open is not waited for.
            if (piece.kind === 'end') linger = setTimeout(() => response.destroy(), lingerMillis);
          }
        }
      }
      for (const piece of reader.close()) {
        yield piece;
        if (piece.kind === 'end') return;
      }
    } catch (error) {
      if (linger !== undefined) return;
      if (error instanceof ModelTrouble || signal.aborted) throw error;
      throw cut(error);
    } finally {
      clearTimeout(linger);
    }
    if (linger === undefined) throw cut(undefined);
  }

  private post(dialect: Dialect, question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const body = JSON.stringify(dialect.body(question));
    return new Promise((resolve, reject) => {
      const call: ClientRequest = http.request(
        {
          agent: this.agent,
          host: this.base.hostname,
          port: this.base.port === '' ? 80 : Number(this.base.port),
          method: 'POST',
          path: `${this.base.pathname.replace(/\/$/, '')}${dialect.path(question)}`,
          headers: {
            'content-type': 'application/json',
            accept: 'text/event-stream',
            'content-length': Buffer.byteLength(body),
            ...dialect.headers,
          },
          signal,
        },
        resolve,
      );
      call.setTimeout(silentMillis, () => {
        call.destroy(
          new ModelTrouble({
            reason: 'model.silent',
            message: 'the provider sent nothing for five minutes',
            again: true,
          }),
        );
      });
      call.on('error', (error) => {
        if (signal.aborted || error instanceof ModelTrouble) reject(error);
        else
          reject(
            new ModelTrouble({ reason: 'model.unreachable', message: error.message, again: true }, { cause: error }),
          );
      });
      call.end(body);
    });
  }
}

const cut = (cause: unknown): ModelTrouble =>
  new ModelTrouble(
    { reason: 'model.stream_cut', message: 'the stream ended before the answer did', again: true },
    { cause },
  );

async function refusalOf(response: IncomingMessage): Promise<ModelTrouble> {
  let body = '';
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (body.length < maxErrorBytes) body += chunk.toString('utf8');
    }
  } catch {
    // What arrived before the break says enough.
  }
  const denied = response.headers['sally-deny-reason'];
  const headers = {
    retryAfter: response.headers['retry-after'],
    denied: typeof denied === 'string' ? denied : undefined,
  };
  return new ModelTrouble(troubleOf(response.statusCode ?? 0, headers, body));
}
