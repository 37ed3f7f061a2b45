/** A runtime on a real bus with real sandboxes; what stands around it is faked. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { BusClient } from '@sallyport/bus/handlers';
import { AuditService, type Event } from '@sallyport/contracts/audit/v1/audit';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import { RuntimeService, type Workload, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { type ReportWorkloadRequest, ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import type { UnitEvent } from '@sallyport/contracts/unit/v1/event';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { type CommitMountRequest, WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import { tokenClasses } from '@sallyport/core/access';
import { canonicalHash } from '@sallyport/core/canonical';
import { systemClock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { newId, uuid7 } from '@sallyport/core/ids';
import { AheadClock } from '@sallyport/testkit/clock';
import { fakePeer } from '@sallyport/testkit/fake-peer';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { ServiceChild } from '@sallyport/testkit/service-child';
import { EpochRing } from '@sallyport/trust/epoch-ring';
import { KeyRing } from '@sallyport/trust/key-ring';
import { chainIssuer } from '@sallyport/trust/token-class';
import { Verifier } from '@sallyport/trust/verifier';
import { Cgroups } from '../src/backends/process/cgroups.ts';
import { runtimeEnv } from '../src/config.ts';
import { RuntimeModule } from '../src/runtime.module.ts';
import { envelopeHash } from '../src/workloads/check-intent.ts';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { calculateThumbprint } from './thumbprint.ts';

const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

export interface Tunnel {
  readonly target: string;
  readonly token: string;
  readonly proof: string;
}

/** What is told at least once is kept once: by its place in what is told of an attempt. */
const isOneReport = ({ event: one }: ReportWorkloadRequest, { event: other }: ReportWorkloadRequest): boolean =>
  one?.workload?.id === other?.workload?.id &&
  one?.workload?.epoch === other?.workload?.epoch &&
  one?.seq === other?.seq;

export class World {
  readonly directory = mkdtempSync(join(tmpdir(), 'sally-runtime-'));
  readonly reports: ReportWorkloadRequest[] = [];
  readonly events: UnitEvent[] = [];
  readonly audited: Event[] = [];
  readonly commits: CommitMountRequest[] = [];
  readonly tunnels: Tunnel[] = [];
  readonly registered: string[] = [];
  /** Leases the scheduler says are lost, by dispatch. */
  readonly lost = new Set<string>();
  auditDown = false;
  schedulerDown = false;
  exchanges = 0;
  exchangeFault: Fault | undefined;
  /** Seconds the runtime is told a token lives. */
  grantSeconds = 600;
  renewals = 0;
  renewFault: Fault | undefined;
  /** What an exchange waits for before it answers. */
  exchangeGate: Promise<void> = Promise.resolve();
  readonly #waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];
  readonly #burnt = new Set<string>();
  readonly #env: Record<string, string>;
  /** What the runtime in this process takes for the time. */
  readonly clock = new AheadClock();
  #revokedBefore = 0;
  #revision = 0n;
  #epochs: EpochRing | undefined;
  #egress: Server | undefined;
  bus!: TestBus;
  issuer!: TestIssuer;
  client!: BusClient<typeof RuntimeService>;
  operator!: BusClient<typeof RuntimeService>;
  service: HostedService | undefined;
  /** Profile of the units: one that this machine can hold. */
  profile = 'small';

  constructor(env: Record<string, string> = {}) {
    this.#env = env;
  }

  /** Everything around the runtime, and the runtime in this process. */
  static async open(env: Record<string, string> = {}): Promise<World> {
    const world = await World.around(env);
    await world.start();
    return world;
  }

  /** Everything around the runtime; it may then be started as a process of its own. */
  static async around(env: Record<string, string> = {}): Promise<World> {
    const world = new World(env);
    const byEngine = env['SALLY_BACKEND'] === 'docker';
    if (!byEngine && (await Cgroups.lacking()) !== undefined) world.profile = 'best-effort';
    world.bus = await testBus();
    world.issuer = await TestIssuer.create();
    await world.#servePeers();
    world.client = patientClient(await world.bus.connect('scheduler'), 'runtime', RuntimeService);
    world.operator = patientClient(await world.bus.connect('operator'), 'runtime', RuntimeService);
    return world;
  }

  /** Starts the runtime; a second start is a restart on the same folder. */
  async start(): Promise<void> {
    const config = runtimeEnv.parse(this.env());
    const bus = await this.bus.connect('runtime');
    const verifier = await this.#verifier();
    this.service = await hostService({
      name: 'runtime',
      module: RuntimeModule,
      bus,
      verifier,
      config,
      clock: this.clock,
    });
  }

  /** The runtime's own variables. */
  env(): Record<string, string> {
    return {
      SALLY_RUNTIME_DIR: this.directory,
      SALLY_EGRESS_SOCKET: join(this.directory, 'egress.sock'),
      SALLY_AGENT_BUNDLE: fileURLToPath(new URL('./supervisor.mjs', import.meta.url)),
      SALLY_NODE: process.execPath,
      SALLY_RUNTIME_GRACE_SECONDS: '1',
      ...this.#env,
    };
  }

  /** The runtime as a process of its own, to be killed. */
  child(): ServiceChild {
    const env = {
      ...this.env(),
      PATH: process.env['PATH'],
      SALLY_NATS_URL: this.bus.url,
      SALLY_NATS_SEED_FILE: this.bus.seedFile('runtime'),
      SALLY_LOG_LEVEL: 'silent',
    };
    return new ServiceChild({ main: new URL('../src/main.ts', import.meta.url), env });
  }

  /** Whether the kernel limits a whole workload here. */
  get limited(): boolean {
    return this.profile !== 'best-effort';
  }

  async stop(): Promise<void> {
    await this.service?.close();
    await this.service?.bus.close();
    this.service = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#egress?.closeAllConnections();
    this.#egress?.close();
    await this.bus.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A unit whose agent runs a piece of code. */
  unit(code: string, changes: Partial<Unit> = {}): Unit {
    const now = systemClock.now();
    const start = { ...aUnit().start, start: { case: 'inline', value: code } } as Unit['start'];
    const ids = { dispatch: newId('dispatch', now), run: newId('run', now) };
    return aUnit({ ...ids, runner: 'exec', mounts: [], profile: this.profile, start, ...changes });
  }

  intent(unit: Unit, epoch = 1, edge = 'local'): Promise<string> {
    return this.issuer.mint('intent', {
      aud: 'sallyport:runtime',
      sub: unit.identity?.subject ?? '',
      jti: uuid7(systemClock.now()),
      org: unit.identity?.org ?? '',
      env: unit.identity?.environment ?? '',
      txn: unit.run,
      act: { sub: 'svc:scheduler', sub_profile: 'service' },
      wsp: [],
      dsp: { id: unit.dispatch, h: envelopeHash(unit) },
      lease: { edge, epoch },
    });
  }

  async create(unit: Unit, epoch = 1): Promise<Workload | undefined> {
    const { workload } = await this.client.createWorkload({ unit }, { token: await this.intent(unit, epoch) });
    return workload;
  }

  /** Runs a piece of code to its end and answers the last report. */
  async run(code: string, changes: Partial<Unit> = {}): Promise<ReportWorkloadRequest> {
    const unit = this.unit(code, changes);
    await this.create(unit);
    return this.ended(unit);
  }

  ended(unit: Unit): Promise<ReportWorkloadRequest> {
    return this.reported(unit, WorkloadState.STOPPED);
  }

  async reported(unit: Unit, state: WorkloadState): Promise<ReportWorkloadRequest> {
    const find = () => this.reportsOf(unit).find(({ event }) => event?.workload?.state === state);
    await this.until(() => find() !== undefined);
    return find() as ReportWorkloadRequest;
  }

  reportsOf(unit: Unit): ReportWorkloadRequest[] {
    return this.reports.filter(({ event }) => event?.workload?.id === unit.dispatch);
  }

  outputOf(unit: Unit): UnitEvent[] {
    return this.events.filter(({ dispatch }) => dispatch === unit.dispatch);
  }

  texts(unit: Unit): string[] {
    return this.outputOf(unit).flatMap(({ body }) => (body.case === 'messageDelta' ? [body.value.text] : []));
  }

  kinds(unit: Unit): string[] {
    return this.audited.filter(({ dispatch }) => dispatch === unit.dispatch).map(({ kind }) => kind);
  }

  /** Refuses every token minted until now. */
  async revokeAll(): Promise<void> {
    this.#revokedBefore = systemClock.now() + 1_000;
    this.#revision += 1n;
    await this.#epochs?.refresh();
  }

  /** Resolves when something that was told makes a condition true. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ done, resolve });
    return promise;
  }

  noticed(): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.done()) waiting.resolve();
      else this.#waiting.push(waiting);
    }
  }

  /** Egress that echoes every byte of an allowed tunnel; the host `denied` is refused. */
  async serveEgress(): Promise<void> {
    const server = createServer();
    server.on('connect', (request, socket: Duplex) => {
      const { headers, url = '' } = request;
      this.tunnels.push({ target: url, token: String(headers['sally-dispatch']), proof: String(headers['dpop']) });
      socket.on('error', () => socket.destroy());
      if (url.startsWith('denied')) {
        socket.end('HTTP/1.1 403 Forbidden\r\nSally-Deny-Reason: host_not_allowed\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(join(this.directory, 'egress.sock'), resolve));
    this.#egress = server;
  }

  async #verifier(): Promise<Verifier> {
    const keys = new KeyRing({
      issuer: chainIssuer,
      source: () =>
        Promise.resolve({
          issuer: chainIssuer,
          keys: this.#publicKeys(),
        }),
      clock: systemClock,
    });
    const epochs = new EpochRing({
      source: () =>
        Promise.resolve({
          epochs:
            this.#revokedBefore === 0
              ? []
              : [{ kind: 'org' as const, id: 'acme', version: this.#revision, issuedBefore: this.#revokedBefore }],
          version: this.#revision,
        }),
      clock: systemClock,
    });
    await keys.refresh();
    await epochs.refresh();
    setInterval(() => void epochs.refresh(), 2_000).unref();
    this.#epochs = epochs;
    return new Verifier({ audience: 'runtime', keys, epochs, clock: systemClock });
  }

  #publicKeys() {
    return tokenClasses.map((tokenClass) => {
      const jwk = this.issuer.publicJwk(tokenClass);
      return { kid: calculateThumbprint(jwk), class: tokenClass, jwk };
    });
  }

  async #servePeers(): Promise<void> {
    await fakePeer(await this.bus.connect('identity'), IdentityService, {
      exchangeIntent: async ({ evidence, proofJwk }, { token }) => {
        this.exchanges += 1;
        this.noticed();
        await this.exchangeGate;
        if (this.exchangeFault !== undefined) throw this.exchangeFault;
        if (token === undefined || this.#burnt.has(token))
          throw new Fault('permission_denied', 'identity.intent_used', 'burnt');
        this.#burnt.add(token);
        const intent = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
          txn: string;
          dsp: { id: string; h: string };
        };
        const claims = this.issuer.dispatchClaims(calculateThumbprint(proofJwk));
        const att = {
          fmt: evidence?.format ?? '',
          ev: canonicalHash(toJson(EvidenceSchema, evidence as never)),
          lvl: 2,
        };
        const minted = { ...claims, txn: intent.txn, att, tctx: { ...claims.tctx, dsp: intent.dsp } };
        return this.#grant(await this.issuer.mint('dispatch', minted));
      },
      renewDispatch: async (_request, { token }) => {
        this.renewals += 1;
        this.noticed();
        if (this.renewFault !== undefined) throw this.renewFault;
        return this.#grant(token ?? '');
      },
      listPublicKeys: async () => ({ issuer: chainIssuer, keys: this.#publicKeys() }),
      listEpochs: async () => ({ epochs: [], version: 0n }),
    });
    await fakePeer(await this.bus.connect('scheduler'), ScheduleService, {
      reportWorkload: async (request) => {
        if (this.schedulerDown) throw new Fault('unavailable', 'fake.down', 'down');
        if (!this.reports.some((report) => isOneReport(report, request))) this.reports.push(request);
        this.noticed();
        return {};
      },
      appendOutput: async ({ events }) => {
        if (this.schedulerDown) throw new Fault('unavailable', 'fake.down', 'down');
        for (const event of events) if (!this.events.some(({ id }) => id === event.id)) this.events.push(event);
        this.noticed();
        return { lastSeq: events.at(-1)?.seq ?? 0n };
      },
      registerEdge: async ({ edge }) => {
        this.registered.push(edge);
        this.noticed();
        return { heartbeatSeconds: 1 };
      },
      heartbeatEdge: async ({ held }) => ({ lost: held.filter(({ dispatch }) => this.lost.has(dispatch)) }),
    });
    await fakePeer(await this.bus.connect('audit'), AuditService, {
      append: async ({ events }) => {
        if (this.auditDown) throw new Fault('unavailable', 'fake.down', 'down');
        for (const event of events) if (!this.audited.some(({ id }) => id === event.id)) this.audited.push(event);
        this.noticed();
        return {};
      },
    });
    await fakePeer(await this.bus.connect('workspace'), WorkspaceService, {
      prepareMount: async () => ({
        commit: 'c'.repeat(40),
        tree: emptyTree,
        packs: [],
        lease: newId('lease', systemClock.now()),
      }),
      beginUpload: async () => ({ upload: newId('upload', systemClock.now()) }),
      writeUpload: async ({ offset, data }) => ({ received: offset + BigInt(data.length) }),
      commitMount: async (request) => {
        this.commits.push(request);
        return { commit: 'd'.repeat(40), files: 1 };
      },
      releaseMount: async () => ({}),
    });
  }

  #grant(token: string): { token: string; expiresAt: ReturnType<typeof timestampFromMs> } {
    return { token, expiresAt: timestampFromMs(this.clock.now() + this.grantSeconds * 1000) };
  }
}
