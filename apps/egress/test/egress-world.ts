/** A hosted egress with real Postgres, NATS and sockets, a provider that counts, and connections in anybody's name. */

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { rpcListen } from '@sallyport/bus/subject';
import { encodeFault } from '@sallyport/bus/wire';
import {
  AppendRequestSchema,
  AppendResponseSchema,
  type Event,
  EventSchema,
} from '@sallyport/contracts/audit/v1/audit';
import type { DispatchClaims } from '@sallyport/core/claims';
import { systemClock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { type EpochRecord, EpochRing } from '@sallyport/trust/epoch-ring';
import { KeyRing } from '@sallyport/trust/key-ring';
import type { ProofKey } from '@sallyport/trust/proof';
import { chainIssuer } from '@sallyport/trust/token-class';
import { Verifier } from '@sallyport/trust/verifier';
import { egressEnv } from '../src/config.ts';
import { EgressModule } from '../src/egress.module.ts';
import { providerCertificate } from './provider-certificate.ts';

export interface Badge {
  readonly token: string;
  readonly key: ProofKey;
}

export interface Opened {
  readonly status: number;
  readonly head: string;
  /** Answers what came after the head until the peer closed. */
  rest(): Promise<Buffer>;
  readonly socket: Socket;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const proofTarget = { method: 'CONNECT', uri: 'egress:connect' };

export class EgressWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sally-egress-'));
  readonly socketPath = join(this.directory, 'egress.sock');
  readonly credentials = join(this.directory, 'credentials');
  /** Audit events that were taken, in order. */
  readonly audited: Event[] = [];
  auditDown = false;
  /** Connections the provider saw. */
  connections = 0;
  readonly seen: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = [];
  /** What the provider answers. */
  provide: RequestListener = (_request, response) => void response.end('pong');
  readonly epochs: EpochRing;
  private readonly provider: Server;
  private service: HostedService | undefined;

  private constructor(
    readonly database: TestDatabase,
    readonly bus: TestBus,
    readonly issuer: TestIssuer,
  ) {
    this.epochs = new EpochRing({ source: () => Promise.resolve({ epochs: [], version: 0n }), clock: systemClock });
    this.provider = createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        this.seen.push({ url: incoming.url ?? '', headers: incoming.headers, body: Buffer.concat(chunks).toString() });
        this.provide(incoming, response);
      });
    });
    this.provider.on('connection', () => {
      this.connections += 1;
    });
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<EgressWorld> {
    const [database, bus, issuer] = await Promise.all([testDatabase('egress'), testBus(), TestIssuer.create()]);
    const world = new EgressWorld(database, bus, issuer);
    world.provider.listen(0, '127.0.0.1');
    await once(world.provider, 'listening');
    await world.serveAudit();
    const verifier = await world.verifier();
    world.service = await hostService({
      name: 'egress',
      module: EgressModule,
      bus: await bus.connect('egress'),
      verifier,
      store: database.store,
      config: egressEnv.parse({
        SALLY_EGRESS_SOCKET: world.socketPath,
        SALLY_EGRESS_FIRST_BYTE_MS: '600000',
        ...env,
        SALLY_EGRESS_CREDENTIALS_DIR: world.credentials,
        SALLY_EGRESS_CA_FILE: world.file('ca.pem', providerCertificate),
      }),
    });
    return world;
  }

  async close(): Promise<void> {
    await this.service?.close();
    this.provider.closeAllConnections();
    this.provider.close();
    await this.bus.close();
    await this.database.close();
    rmSync(this.directory, { recursive: true });
  }

  /** Writes a file below the world's own folder. */
  file(name: string, content: string, mode = 0o600): string {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  get providerUrl(): string {
    return `http://127.0.0.1:${(this.provider.address() as AddressInfo).port}`;
  }

  reset(): void {
    this.audited.length = 0;
    this.seen.length = 0;
    this.connections = 0;
    this.auditDown = false;
    this.provide = (_request, response) => void response.end('pong');
    // A connection kept from the test before would hide that one is made.
    this.provider.closeAllConnections();
  }

  revoke(epoch: Pick<EpochRecord, 'kind' | 'id'>): void {
    this.epochs.take({ ...epoch, version: 1n, issuedBefore: Date.now() + 1 });
  }

  /** A dispatch of its own that may reach the provider, `claims` and `url` put over it. */
  dispatch(claims: Partial<DispatchClaims> = {}, url = this.providerUrl): Promise<Badge> {
    const { tctx } = this.issuer.dispatchClaims('');
    return this.issuer.dispatch({ tctx: { ...tctx, net: { ...tctx.net, url } }, ...claims });
  }

  prove({ token, key }: Badge, target = proofTarget): string {
    return key.prove(target, token, Date.now());
  }

  /** Opens a connection under a badge, or under whatever headers are given. */
  async open(target: string, badge: Badge | Readonly<Record<string, string>>): Promise<Opened> {
    const headers =
      'key' in badge && typeof badge.key !== 'string'
        ? this.headersOf(badge as Badge)
        : (badge as Record<string, string>);
    const socket = connect({ path: this.socketPath, allowHalfOpen: true });
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${lines.join('')}\r\n`, 'latin1');
    let bytes = Buffer.alloc(0);
    while (!bytes.includes('\r\n\r\n')) {
      const chunk = socket.read() as Buffer | null;
      if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
      else if (socket.readableEnded || socket.destroyed) break;
      else await Promise.race([once(socket, 'readable'), once(socket, 'end')]);
    }
    const end = bytes.indexOf('\r\n\r\n');
    const rest = bytes.subarray(end + 4);
    if (rest.length > 0) socket.unshift(rest);
    return {
      status: Number(/^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1'))?.[1] ?? 0),
      head: bytes.toString('latin1', 0, Math.max(0, end)),
      socket,
      rest: () => drain(socket),
    };
  }

  /** One HTTP request through a tunnel of its own, by a real client. */
  async http(
    target: string,
    badge: Badge,
    options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const { socket } = await this.open(target, badge);
    const { method = 'GET', path = '/', headers = {}, body } = options;
    const call = request({ createConnection: () => socket, method, path, headers: { host: target, ...headers } });
    call.end(body);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const answer = (await drain(response)).toString();
    socket.destroy();
    return { status: response.statusCode ?? 0, headers: response.headers, body: answer };
  }

  /** Raw bytes through a tunnel of its own; answers everything that came back. */
  async raw(target: string, badge: Badge, bytes: string | Buffer): Promise<Buffer> {
    const opened = await this.open(target, badge);
    opened.socket.write(bytes);
    const answer = await opened.rest();
    opened.socket.destroy();
    return answer;
  }

  /** Audit events, those that wait for their relay included. */
  async events(): Promise<Event[]> {
    const rows = await this.database.store.system((db) =>
      db.query<{ payload: Buffer }>("SELECT payload FROM outbox WHERE subject = 'audit' ORDER BY position"),
    );
    return [...this.audited, ...rows.map((row) => fromBinary(EventSchema, row.payload))];
  }

  private headersOf(badge: Badge): Record<string, string> {
    return { 'Sally-Dispatch': badge.token, DPoP: this.prove(badge) };
  }

  /** Stands for the audit service: takes events, or fails as it does when it cannot record. */
  private async serveAudit(): Promise<void> {
    const bus = await this.bus.connect('audit');
    bus.nats.subscribe(rpcListen('audit'), {
      callback: (_error, message) => {
        if (this.auditDown) {
          const reply = encodeFault(new Fault('unavailable', 'audit.log_halted', 'down'));
          message.respond(reply.body, { headers: reply.headers });
          return;
        }
        this.audited.push(...fromBinary(AppendRequestSchema, message.data).events);
        message.respond(toBinary(AppendResponseSchema, create(AppendResponseSchema)));
      },
    });
    await bus.nats.flush();
  }

  /** As the testkit makes one, with a ring of epochs that tests can raise. */
  private async verifier(): Promise<Verifier> {
    const badges = { dispatch: (await this.dispatch()).token, session: await this.issuer.session('egress') };
    const published = (['dispatch', 'session'] as const).map((each) => {
      const { kid } = JSON.parse(Buffer.from(badges[each].split('.')[0] ?? '', 'base64url').toString()) as {
        kid: string;
      };
      return { kid, class: each, jwk: this.issuer.publicJwk(each) };
    });
    const source = () => Promise.resolve({ issuer: chainIssuer, keys: published });
    const keys = new KeyRing({ issuer: chainIssuer, source, clock: systemClock });
    await Promise.all([keys.refresh(), this.epochs.refresh()]);
    setInterval(() => void this.epochs.refresh(), 2_000).unref();
    return new Verifier({ audience: 'egress', keys, epochs: this.epochs, clock: systemClock });
  }
}

async function drain(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
