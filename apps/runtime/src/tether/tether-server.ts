/**
 * One workload's tether: HTTP/1.1 on a Unix socket that only its sandbox can reach.
 *
 * Everything that comes in is hostile. Heads, bodies, times and connections are bounded; what is malformed is answered 400
 * and told once; nothing a peer sends ends this process. Which socket a call comes in on is who calls.
 */

import { chmodSync, chownSync, closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Fault, httpStatus } from '@sallyport/core/fault';
import { oneAtATime } from '@sallyport/service/one-at-a-time';
import { malformedTether, tetherHungUp } from '../faults.ts';

/** Bytes of one request body. */
export const maxBodyBytes = 1024 * 1024;

/** Connections of one workload: tunnels and calls together. */
export const maxConnections = 256;

const headMs = 5_000;
const requestMs = 20_000;
const rubbishMs = 100;
const servicePrefix = '/runner.v1.TetherService/';

/** Answers one call with JSON text. */
export type TetherCall = (body: string, signal: AbortSignal) => Promise<string>;

export interface TetherOptions {
  /** Folder of the socket; it is bound into the sandbox. */
  readonly directory: string;
  /** Host uid of the sandbox, when it is not this process's own. */
  readonly uid: number;
  readonly calls: Readonly<Record<string, TetherCall>>;
  /** Carries the bytes of one `CONNECT`. */
  readonly tunnel: (target: string, socket: Duplex, head: Buffer) => void;
  /** Hears of input no supervisor of ours sends. */
  readonly onMalformed: (what: string) => void;
}

export class TetherServer {
  readonly #options: TetherOptions;
  readonly #server: Server;
  readonly #open = new Set<Duplex>();
  /** The folder held open: a socket's own path may not exceed 107 bytes, and this one is short whatever the folder's is. */
  #folder: number | undefined;

  constructor(options: TetherOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: 16 * 1024,
        headersTimeout: headMs,
        requestTimeout: requestMs,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: 0,
        requireHostHeader: false,
      },
      oneAtATime(
        (request, response) => void this.#answer(request, response),
        () => this.#options.onMalformed('pipeline'),
      ),
    );
    this.#server.maxConnections = maxConnections;
    this.#server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#open.delete(socket));
    });
    this.#server.on('clientError', (_error, socket) => {
      this.#options.onMalformed('http');
      if (socket.writable) socket.write('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      // The connection keeps its place for a moment: rubbish comes no faster than the bound on connections lets it.
      setTimeout(() => socket.destroy(), rubbishMs).unref();
    });
    this.#server.on('upgrade', (_request, socket) => {
      this.#options.onMalformed('upgrade');
      socket.destroy();
    });
    this.#server.on('connect', (request, socket, head) => {
      if (isTarget(request.url)) return this.#options.tunnel(request.url, socket, head);
      this.#options.onMalformed('target');
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
  }

  /** Listens on `tether.sock` of the folder, in place of whatever socket an earlier process left there. */
  async listen(): Promise<void> {
    const { directory, uid } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    const folder = openSync(directory, 'r');
    this.#folder = folder;
    const path = `/proc/self/fd/${folder}/tether.sock`;
    try {
      unlinkSync(path);
    } catch {
      // Nothing was left over.
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(path, resolve);
    await promise;
    this.#server.off('error', reject);
    this.#server.on('error', () => undefined);
    const socket = join(directory, 'tether.sock');
    if (process.getuid?.() === 0) chownSync(socket, uid, uid);
    chmodSync(socket, 0o600);
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#open) socket.destroy();
    await promise;
    if (this.#folder !== undefined) closeSync(this.#folder);
    this.#folder = undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const away = new AbortController();
    response.on('close', () => away.abort());
    try {
      const call = this.#callOf(request);
      const answer = await call(await readBody(request), away.signal);
      if (!response.destroyed) response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    } catch (thrown) {
      this.#refuse(request, response, thrown);
    }
  }

  #callOf({ method, url = '' }: IncomingMessage): TetherCall {
    const name = url.startsWith(servicePrefix) ? url.slice(servicePrefix.length) : '';
    const call = Object.hasOwn(this.#options.calls, name) ? this.#options.calls[name] : undefined;
    if (method !== 'POST' || call === undefined) throw malformedTether('method');
    return call;
  }

  #refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const fault = Fault.from(thrown);
    if (fault.code === 'invalid_argument') this.#options.onMalformed(fault.detail['what'] ?? 'body');
    if (response.destroyed || response.headersSent) {
      response.destroy();
      return;
    }
    // What is left of a body nobody reads would be taken for the next request.
    const close = request.complete ? {} : { connection: 'close' };
    response.writeHead(httpStatus[fault.code], { 'content-type': 'application/json', ...close });
    response.end(JSON.stringify({ code: fault.code, reason: fault.reason, message: fault.message }));
    if (!request.complete) response.on('finish', () => request.destroy());
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw malformedTether('length');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
    else {
      request.pause();
      reject(malformedTether('length'));
    }
  });
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  request.on('error', (cause) => reject(malformedTether('body', cause)));
  request.on('close', () => reject(tetherHungUp()));
  return promise;
}

/** `host:port` in visible ASCII; what it means is for egress to judge. */
const isTarget = (target: string | undefined): target is string =>
  target !== undefined && target.length <= 300 && /^[!-~]+:\d{1,5}$/.test(target);
