/** A line to a real S3 server that does to requests and answers what bad lines and bad servers do. */

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Mischief {
  /** Requests it befalls, as `METHOD /path?query`. */
  readonly on: RegExp;
  /** How many of them; the rest pass. */
  times: number;
  readonly what: /** Answers an S3 error without asking the server. */
    | { readonly answer: number; readonly code: string }
    /** Takes so many bytes of the request, then closes. */
    | { readonly cutRequest: number }
    /** Changes the byte at this place of the request's body. */
    | { readonly flipRequest: number }
    /** Lets the server do it and loses its answer. */
    | { readonly loseAnswer: true }
    /** Passes on so many bytes of the answer's body, then closes. */
    | { readonly cutAnswer: number }
    /** Passes on so many bytes of the answer's body and claims that these are all. */
    | { readonly shortenAnswer: number }
    /** Changes the byte at this place of the answer's body. */
    | { readonly flipAnswer: number }
    /** Takes the request and says nothing. */
    | { readonly silence: true }
    /** Does nothing to it. */
    | { readonly pass: true };
}

export class FakeS3 {
  readonly endpoint: string;
  /** Every request so far, as `METHOD /path?query`. */
  readonly seen: string[] = [];
  readonly #server: Server;
  #mischief: Mischief[] = [];

  private constructor(server: Server, endpoint: string) {
    this.#server = server;
    this.endpoint = endpoint;
  }

  static async before(target: string): Promise<FakeS3> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeS3(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (incoming: IncomingMessage, answer: ServerResponse) => {
      incoming.on('error', () => undefined);
      fake.#pass(new URL(target), incoming, answer).catch(() => answer.destroy());
    });
    return fake;
  }

  befall(...mischief: Mischief[]): void {
    this.#mischief = mischief;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(line: string): Mischief['what'] {
    const found = this.#mischief.find(({ on, times }) => times > 0 && on.test(line));
    if (found !== undefined) found.times -= 1;
    return found?.what ?? { pass: true };
  }

  async #pass(target: URL, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const line = `${incoming.method} ${incoming.url}`;
    this.seen.push(line);
    const what = this.#take(line);
    if ('cutRequest' in what) return await cut(incoming, what.cutRequest);
    const body = await bytesOf(incoming);
    if ('silence' in what) return;
    if ('answer' in what) {
      answer.writeHead(what.answer, { 'content-type': 'application/xml', connection: 'close' });
      answer.end(`<?xml version="1.0"?><Error><Code>${what.code}</Code><Message>no</Message></Error>`);
      return;
    }
    if ('flipRequest' in what) flip(body, what.flipRequest);
    const { status, headers, body: said } = await ask(target, incoming, body);
    if ('loseAnswer' in what) {
      incoming.socket.destroy();
      return;
    }
    if ('flipAnswer' in what) flip(said, what.flipAnswer);
    if ('shortenAnswer' in what) {
      answer.writeHead(status, { ...headers, 'content-length': String(what.shortenAnswer) });
      answer.end(said.subarray(0, what.shortenAnswer));
      return;
    }
    answer.writeHead(status, headers);
    if (!('cutAnswer' in what)) {
      answer.end(said);
      return;
    }
    answer.write(said.subarray(0, what.cutAnswer), () => incoming.socket.destroy());
  }
}

async function cut(incoming: IncomingMessage, bytes: number): Promise<void> {
  let taken = 0;
  for await (const chunk of incoming) {
    taken += (chunk as Buffer).length;
    if (taken >= bytes) break;
  }
  incoming.socket.destroy();
}

function flip(body: Buffer, at: number): void {
  body[at] = (body[at] ?? 0) ^ 1;
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Said {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Sends a request on as it came: the `host` header is part of its signature. */
function ask(target: URL, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Said> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: target.hostname, port: target.port, method, path: url, headers: { ...headers, connection: 'close' } },
      (said) => {
        bytesOf(said).then(
          (bytes) => resolve({ status: said.statusCode ?? 500, headers: said.headers, body: bytes }),
          reject,
        );
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
