/** The runtime's end of a tether, for specs: a real HTTP server on a real Unix socket that holds what it is told to the contract. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';

type Json = Record<string, unknown>;

export interface Connect {
  readonly target: string;
  readonly socket: Socket;
}

export class TetherServer {
  readonly path: string;
  /** Every event taken, in order, each once. */
  readonly events: UnitEvent[] = [];
  /** Events as they came in, resent ones included. */
  received = 0;
  /** Targets of CONNECT so far. */
  readonly targets: string[] = [];
  work: Json = {};
  resolve: (name: string, type: string) => string[] = () => [];
  /** What a CONNECT gets; by default a refusal. */
  onConnect: (connect: Connect) => void = ({ socket }) =>
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
  /** Answers to Emit are held while this is set. */
  hold: Promise<void> | undefined;
  private readonly firstEmit = Promise.withResolvers<void>();
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private stopCall: ServerResponse[] = [];
  private stopping = false;
  private readonly waiters: {
    readonly test: (event: UnitEvent) => boolean;
    readonly done: (event: UnitEvent) => void;
  }[] = [];

  constructor(path: string) {
    this.path = path;
  }

  static async start(): Promise<TetherServer> {
    const folder = await mkdtemp(join(tmpdir(), 'tether-'));
    const server = new TetherServer(join(folder, 'tether.sock'));
    await server.listen();
    return server;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.serve(request, response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
    });
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      this.targets.push(request.url ?? '');
      this.onConnect({ target: request.url ?? '', socket });
    });
    server.listen(this.path);
    await once(server, 'listening');
    this.server = server;
  }

  /** As if the runtime were killed: the socket file goes, every connection breaks. */
  async crash(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server?.close();
    await rm(this.path, { force: true });
  }

  async close(): Promise<void> {
    await this.crash();
    await rm(join(this.path, '..'), { recursive: true, force: true });
  }

  /** Settles when the first Emit has come in. */
  get emitting(): Promise<void> {
    return this.firstEmit.promise;
  }

  stop(): void {
    this.stopping = true;
    for (const response of this.stopCall.splice(0)) send(response, { stop: true });
  }

  /** The first event, past or coming, that passes. */
  event(test: (event: UnitEvent) => boolean): Promise<UnitEvent> {
    const found = this.events.find(test);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((done) => this.waiters.push({ test, done }));
  }

  cases(): (string | undefined)[] {
    return this.events.map((event) => event.body.case);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    try {
      for await (const chunk of request) body += String(chunk);
    } catch {
      return;
    }
    // As the runtime: what is larger is refused for good.
    if (Buffer.byteLength(body) > 1024 * 1024) return void response.writeHead(400).end();
    const json = JSON.parse(body) as Json;
    switch (request.url?.replace('/runner.v1.TetherService/', '')) {
      case 'AwaitWork':
        send(response, this.work);
        break;
      case 'Resolve':
        send(response, { addresses: this.resolve(String(json['name']), String(json['type'])), ttlSeconds: 5 });
        break;
      case 'AwaitControl':
        if (this.stopping) send(response, { stop: true });
        else this.stopCall.push(response);
        break;
      case 'Emit':
        this.firstEmit.resolve();
        await this.hold;
        send(response, { last: String(this.take(Number(json['first']), json['events'] as JsonValue[])) });
        break;
      default:
        response.writeHead(404).end();
    }
  }

  private take(first: number, events: readonly JsonValue[]): number {
    this.received += events.length;
    for (const [index, json] of events.entries()) {
      if (first + index !== this.events.length + 1) continue;
      const event = fromJson(UnitEventSchema, json);
      this.events.push(event);
      for (const waiter of this.waiters) if (waiter.test(event)) waiter.done(event);
    }
    return this.events.length;
  }
}

function send(response: ServerResponse, body: Json): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers a CONNECT with a tunnel to a local port. */
export const tunnelTo =
  (port: number) =>
  ({ socket }: Connect): void => {
    const upstream = connect({ port, host: '127.0.0.1' });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
    upstream.once('connect', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    upstream.pipe(socket).pipe(upstream);
  };
