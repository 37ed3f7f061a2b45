/**
 * The Unix socket. A connection is `CONNECT host:port` with a dispatch token and a proof of its key; egress judges both itself, whoever
 * opened the socket.
 */

import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Fault } from '@sallyport/core/fault';
import { CONFIG } from '@sallyport/service/start';
import { Verifier } from '@sallyport/trust/verifier';
import type { EgressConfig } from '../config.ts';
import { parseTarget, shown, type Target } from '../hosts/host.ts';
import { Denials } from './denials.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { laneOf, Pace } from './pace.ts';
import { problemBytes, problemOf } from './problem.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { Tunnel } from './tunnel.ts';
import { Tunnels } from './tunnels.ts';

/** What a proof must have been made for. */
const proofTarget = { method: 'CONNECT', uri: 'egress:connect' } as const;
const dispatchRow = { callers: ['runtime'], token: 'dispatch' } as const;

const headMs = 5_000;

const header = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

@Injectable()
export class SocketGate implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly server: Server;
  private readonly sockets = new Set<Duplex>();

  constructor(
    private readonly verifier: Verifier,
    private readonly refused: RefusedTokens,
    private readonly tunnels: Tunnels,
    private readonly denials: Denials,
    private readonly gatekeeper: Gatekeeper,
    private readonly pace: Pace,
    @Inject(CONFIG) private readonly config: EgressConfig,
  ) {
    // Token and proof are at most 8 KiB each.
    this.server = createServer({
      maxHeaderSize: 20 * 1024,
      headersTimeout: headMs,
      requireHostHeader: false,
      noDelay: true,
    });
    this.server.on('request', (_request, response) => response.writeHead(405, { connection: 'close' }).end());
    this.server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end(problemBytes(problemOf('host_malformed', undefined)));
      else socket.destroy();
    });
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy()).once('close', () => this.sockets.delete(socket));
    });
    this.server.on('connect', (request, socket, head) => void this.admit(request, socket as Socket, head));
  }

  async onApplicationBootstrap(): Promise<void> {
    const { SALLY_EGRESS_SOCKET: path, SALLY_EGRESS_SOCKET_MODE: mode } = this.config;
    if (await isServed(path)) throw new Error(`another process answers on ${path}`);
    await rm(path, { force: true });
    // The mask closes the moment between the bind and the chmod.
    const mask = process.umask(0o177);
    try {
      this.server.listen(path);
      await once(this.server, 'listening');
    } finally {
      process.umask(mask);
    }
    await chmod(path, Number.parseInt(mode, 8));
  }

  onModuleDestroy(): void {
    this.close();
  }

  onApplicationShutdown(): void {
    this.close();
  }

  assertListening(): Promise<void> {
    if (!this.server.listening) throw new Error('closed');
    return Promise.resolve();
  }

  private close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async admit(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const asked = request.url ?? '';
    const token = header(request.headers['sally-dispatch']);
    let claims: DispatchClaims;
    try {
      claims = await this.judge(token, header(request.headers['dpop']));
    } catch (thrown) {
      await this.refuse(socket, token, asked, Fault.from(thrown));
      return;
    }
    // While this one waits it holds its place among the connections of its workload, so none comes faster.
    const target = parseTarget(asked);
    await this.pace.wait(laneOf(claims, target));
    if (target === undefined) {
      socket.end(
        problemBytes(await this.denials.problem({ claims, target: shown(asked), method: 'CONNECT' }, 'host_malformed')),
      );
      return;
    }
    this.open(socket, claims, target, head);
  }

  private async judge(token: string | undefined, proof: string | undefined): Promise<DispatchClaims> {
    const claims = await this.verifier.admit(dispatchRow, { token, proof }, proofTarget);
    if (claims?.class !== 'dispatch')
      throw new Fault('internal', 'core.access_row', 'the row asks for a dispatch token');
    return claims;
  }

  private async refuse(socket: Socket, token: string | undefined, asked: string, fault: Fault): Promise<void> {
    await this.refused.record(token, asked, fault);
    const status = fault.code === 'unauthenticated' ? 407 : fault.code === 'permission_denied' ? 403 : 503;
    // A revoked run is not a client that forgot to authenticate.
    const over = { status: fault.reason === 'token.revoked' ? 403 : status, code: fault.code, reason: fault.reason };
    socket.end(problemBytes(problemOf('run_not_active', undefined, over)));
  }

  private open(socket: Socket, claims: DispatchClaims, target: Target, head: Buffer): void {
    if (socket.destroyed) return;
    const tunnel = new Tunnel(socket, claims, target);
    this.tunnels.add(tunnel);
    socket.once('close', () => this.tunnels.remove(tunnel));
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    void this.gatekeeper.take(tunnel, socket);
  }
}

/** Whether a live process answers on a socket; a file that a killed one left behind does not. */
async function isServed(path: string): Promise<boolean> {
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    probe.destroy();
  }
}
