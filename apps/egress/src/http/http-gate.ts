/** Inspects HTTP inside a tunnel: rules on each request, records the decision, then forwards or answers with the reason. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import { oneAtATime } from '@sallyport/service/one-at-a-time';
import { Credentials } from '../credentials/credentials.ts';
import { type Asked, Decisions, type Recorded } from '../decisions/decisions.ts';
import type { DenyWord } from '../decisions/deny-reason.ts';
import { Denials } from '../gate/denials.ts';
import { laneOf, Pace } from '../gate/pace.ts';
import { type Problem, problemBytes, problemOf } from '../gate/problem.ts';
import type { Tunnel } from '../gate/tunnel.ts';
import { Tunnels } from '../gate/tunnels.ts';
import { formatTarget, shown } from '../hosts/host.ts';
import { knownNoise } from '../noise/known-noise.ts';
import { Dialer } from '../upstream/dialer.ts';
import { Forwarder, type Passage } from './forwarder.ts';
import { ruleHttp } from './rule.ts';

const headMs = 30_000;
const idleMs = 120_000;

@Injectable()
export class HttpGate implements OnModuleDestroy {
  private readonly server: Server;
  private readonly tunnelOf = new WeakMap<Duplex, Tunnel>();

  constructor(
    private readonly decisions: Decisions,
    private readonly denials: Denials,
    private readonly forwarder: Forwarder,
    private readonly dialer: Dialer,
    private readonly credentials: Credentials,
    private readonly tunnels: Tunnels,
    private readonly pace: Pace,
    private readonly log: Log,
  ) {
    const limits = { maxHeaderSize: 32 * 1024, headersTimeout: headMs, requestTimeout: 0, keepAliveTimeout: idleMs };
    // A request without a Host gets its reason from the rule, like any other malformed one.
    this.server = createServer({ ...limits, requireHostHeader: false, insecureHTTPParser: false });
    const answer = oneAtATime<IncomingMessage, ServerResponse>(
      (request, response) => void this.answer(request, response),
    );
    this.server.on('request', answer).on('checkContinue', answer);
    this.server.on('connect', (request, socket) => void this.refuse(socket, request.method ?? '', 'host_not_allowed'));
    this.server.on('clientError', (_error, socket) => void this.refuse(socket, 'HTTP', 'host_malformed'));
  }

  onModuleDestroy(): void {
    this.server.close();
  }

  take(tunnel: Tunnel, socket: Socket): void {
    this.tunnelOf.set(socket, tunnel);
    this.server.emit('connection', socket);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const tunnel = this.tunnelOf.get(request.socket);
    if (tunnel === undefined) return void request.socket.destroy();
    try {
      await this.judge(tunnel, request, response);
    } catch (error) {
      this.log.error({ error }, 'a request ended on a failure it did not expect');
      response.destroy();
    }
  }

  private async judge(tunnel: Tunnel, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { claims, target } = tunnel;
    const { credential } = claims.tctx.net;
    const about = { claims, target: formatTarget(target), method: request.method ?? '' };
    const asked: Asked = { ...about, noise: knownNoise(target) };
    await this.pace.wait(laneOf(claims, target));
    const standing = this.tunnels.standing(tunnel);
    // The client comes back on a new connection, which gets a fresh token.
    if (standing === 'expired') return void request.socket.destroy();
    if (standing === 'revoked') return await this.deny(asked, 'run_not_active', response);
    const hosts = request.headersDistinct['host'] ?? [];
    const ruling = ruleHttp({ target, hosts, path: request.url ?? '' }, claims);
    if (!ruling.allowed) return await this.deny(asked, ruling.reason, response);
    if (!this.dialer.isDiallable(ruling.url)) return await this.deny(asked, 'address_forbidden', response);
    const sought = await this.credentials.seek(claims, ruling.url);
    const named: Asked = credential === '' ? about : { ...about, facts: { credential: shown(credential) } };
    if (!sought.found) return await this.deny(named, sought.reason, response);
    const recorded = await this.decisions.allow(named).catch((error: unknown) => {
      this.log.error({ error }, 'an allowed request could not be recorded and does not leave');
      return undefined;
    });
    if (recorded === undefined) return send(response, problemOf('audit_unavailable', undefined));
    await this.forward(tunnel, recorded, { url: ruling.url, request, response, injection: sought.injection });
  }

  private async forward(
    tunnel: Tunnel,
    recorded: Recorded,
    passage: Omit<Passage, 'decision' | 'exchange'>,
  ): Promise<void> {
    const { response } = passage;
    const exchange = tunnel.begin();
    try {
      const { facts, failed } = await this.forwarder.forward({ ...passage, decision: recorded.id, exchange });
      if (failed !== undefined && !response.headersSent) send(response, problemOf(failed, recorded.id));
      else if (failed !== undefined) response.destroy();
      await this.decisions.outcome(recorded, facts, failed);
    } finally {
      tunnel.end(exchange);
    }
  }

  private async deny(asked: Asked, reason: DenyWord, response: ServerResponse): Promise<void> {
    send(response, await this.denials.problem(asked, reason));
  }

  /** Denies what never became a request. */
  private async refuse(socket: Duplex, method: string, reason: DenyWord): Promise<void> {
    const tunnel = this.tunnelOf.get(socket);
    if (tunnel === undefined || !socket.writable) return void socket.destroy();
    const { claims, target } = tunnel;
    socket.end(problemBytes(await this.denials.problem({ claims, target: formatTarget(target), method }, reason)));
  }
}

/** Answers and closes; what is left of a body is not read, so the connection cannot serve another request. */
function send(response: ServerResponse, { status, headers, body }: Problem): void {
  if (response.destroyed) return;
  response.writeHead(status, headers).end(body);
}
