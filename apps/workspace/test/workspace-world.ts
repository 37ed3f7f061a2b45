/** A hosted workspace service with real Postgres, NATS, git and bucket, and calls in anybody's name. */

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { busClient } from '@sallyport/bus/client';
import type { BusClient, CallOptions } from '@sallyport/bus/handlers';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import type { Caller } from '@sallyport/core/access';
import type { DispatchClaims, SessionClaims } from '@sallyport/core/claims';
import { systemClock } from '@sallyport/core/clock';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { workspaceEnv } from '../src/config.ts';
import { WorkspaceModule } from '../src/workspace.module.ts';
import { FakeAudit } from './fake-audit.ts';

export type Client = BusClient<typeof WorkspaceService>;

const gitEnv = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Eve',
  GIT_AUTHOR_EMAIL: 'eve@example.org',
  GIT_COMMITTER_NAME: 'Eve',
  GIT_COMMITTER_EMAIL: 'eve@example.org',
};

export class WorkspaceWorld {
  readonly directory: string;
  readonly database: TestDatabase;
  readonly bus: TestBus;
  readonly issuer: TestIssuer;
  readonly audit: FakeAudit;
  readonly #clients = new Map<Caller, Client>();
  #service: HostedService | undefined;

  private constructor(database: TestDatabase, bus: TestBus, issuer: TestIssuer, audit: FakeAudit) {
    this.audit = audit;
    this.directory = mkdtempSync(join(tmpdir(), 'sally-ws-'));
    this.database = database;
    this.bus = bus;
    this.issuer = issuer;
  }

  static async start(env: Record<string, string> = {}): Promise<WorkspaceWorld> {
    const [database, bus, issuer] = await Promise.all([testDatabase('workspace'), testBus(), TestIssuer.create()]);
    const world = new WorkspaceWorld(database, bus, issuer, await FakeAudit.serve(await bus.connect('audit')));
    writeFileSync(join(world.directory, 'root.key'), randomBytes(32), { mode: 0o600 });
    await world.host(env);
    for (const caller of ['api', 'runtime', 'scheduler'] as const) {
      world.#clients.set(caller, busClient(await bus.connect(caller), 'workspace', WorkspaceService));
    }
    return world;
  }

  /** Hosts the service; again after `stopService`, on the same state. */
  async host(env: Record<string, string> = {}): Promise<void> {
    const config = workspaceEnv.parse({
      ...(env['SALLY_S3_BUCKET'] === undefined ? { SALLY_BUCKET_DIR: this.path('bucket') } : {}),
      SALLY_ROOT_KEY_FILE: this.path('root.key'),
      SALLY_WORKSPACE_DIR: this.path('cache'),
      ...env,
    });
    this.#service = await hostService({
      name: 'workspace',
      module: WorkspaceModule,
      bus: await this.bus.connect('workspace'),
      verifier: await this.issuer.verifier('workspace'),
      config,
      store: this.database.store,
    });
  }

  async stopService(): Promise<void> {
    await this.#service?.close();
    this.#service = undefined;
  }

  async close(): Promise<void> {
    await this.stopService();
    await this.bus.close();
    await this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  as(caller: Caller): Client {
    const client = this.#clients.get(caller);
    if (client === undefined) throw new Error(`${caller} has no connection here`);
    return client;
  }

  get api(): Client {
    return this.as('api');
  }

  get edge(): Client {
    return this.as('runtime');
  }

  async session(claims: Partial<SessionClaims> = {}): Promise<CallOptions> {
    return { token: await this.issuer.session('workspace', claims), timeoutMs: 30_000 };
  }

  /** Call options of a dispatch of its own; `tctx` is merged. */
  async dispatch(
    claims: Partial<DispatchClaims> = {},
    tctx: Partial<DispatchClaims['tctx']> = {},
  ): Promise<CallOptions> {
    const base = this.issuer.dispatchClaims('');
    const { token, key } = await this.issuer.dispatch({ ...claims, tctx: { ...base.tctx, ...tctx } });
    return {
      token,
      prove: (target) => Promise.resolve(key.prove(target, token, systemClock.now())),
      timeoutMs: 30_000,
    };
  }

  /** Uploads bytes in chunks. */
  async upload(client: Client, call: CallOptions, bytes: Buffer, workspace = ''): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { upload } = await client.beginUpload({ size: BigInt(bytes.length), sha256, workspace }, call);
    for (let at = 0; at < bytes.length; at += 512 * 1024) {
      await client.writeUpload({ upload, offset: BigInt(at), data: bytes.subarray(at, at + 512 * 1024) }, call);
    }
    return upload;
  }

  /** Reads a download to its end. */
  async download(download: string, call: CallOptions): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const { data, end } = await this.api.readDownload({ download }, call);
      parts.push(Buffer.from(data));
      if (end) return Buffer.concat(parts);
    }
  }

  /** Audit events that wait in the outbox, oldest first. */
  async events(): Promise<Event[]> {
    const rows = await this.database.store.system((db) =>
      db.query<{ payload: Buffer }>("SELECT payload FROM outbox WHERE subject = 'audit' ORDER BY position"),
    );
    return rows.map((row) => fromBinary(EventSchema, row.payload));
  }

  /** Plain git, as a person or an attacker has it. */
  git(directory: string, args: readonly string[], input?: string | Buffer): string {
    return this.gitBytes(directory, args, input).toString('utf8').trim();
  }

  gitBytes(directory: string, args: readonly string[], input?: string | Buffer): Buffer {
    return execFileSync('git', ['-C', directory, ...args], {
      env: gitEnv,
      input: input ?? '',
      maxBuffer: 1 << 28,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /** A repository of a person with these files committed. */
  repository(name: string, files: Readonly<Record<string, string>>): string {
    const directory = this.path(name);
    mkdirSync(directory, { recursive: true });
    this.git(directory, ['init', '-q', '-b', 'main']);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
    this.git(directory, ['add', '-A', '-f']);
    this.git(directory, ['commit', '-q', '--allow-empty', '-m', 'first']);
    return directory;
  }

  /** A bundle of a repository's HEAD and branches. */
  bundle(directory: string): Buffer {
    return this.gitBytes(directory, ['bundle', 'create', '-q', '-', 'HEAD', '--all']);
  }
}
