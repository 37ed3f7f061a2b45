/** Audit on a real database and a real bus, with callers that speak to it as services do. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { BusClient } from '@sallyport/bus/handlers';
import { AuditService, type Event, EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import type { Caller } from '@sallyport/core/access';
import { newId } from '@sallyport/core/ids';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import pg from 'pg';
import { AuditModule } from '../src/audit.module.ts';

export type AuditCaller = BusClient<typeof AuditService>;

export type EventInit = MessageInitShape<typeof EventSchema>;

/** An event with what every event needs. */
export const anEvent = (kind: string, init: EventInit = {}): Event =>
  create(EventSchema, {
    id: newId('event', Date.now()),
    time: new Date().toISOString().replace('Z', '000Z'),
    org: 'acme',
    environment: 'main',
    kind,
    outcome: Outcome.ALLOW,
    ...init,
  });

export class World {
  readonly directory = mkdtempSync(join(tmpdir(), 'sally-audit-'));
  #service: HostedService | undefined;
  readonly #callers = new Map<Caller, Promise<AuditCaller>>();

  private constructor(
    readonly database: TestDatabase,
    readonly bus: TestBus,
    readonly issuer: TestIssuer,
  ) {}

  static async make(): Promise<World> {
    const [database, bus, issuer] = await Promise.all([testDatabase('audit'), testBus(), TestIssuer.create()]);
    const world = new World(database, bus, issuer);
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    this.#service = await hostService({
      name: 'audit',
      module: AuditModule,
      bus: await this.bus.connect('audit'),
      verifier: await this.issuer.verifier('audit'),
      store: this.database.store,
      config: {
        SALLY_AUDIT_KEY_FILE: join(this.directory, 'log.key'),
        SALLY_AUDIT_ANCHOR_DIR: join(this.directory, 'anchors'),
        SALLY_AUDIT_SWEEP_SECONDS: 3600,
      },
    });
  }

  async stop(): Promise<void> {
    await this.#service?.close();
    await this.#service?.bus.close();
    this.#service = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  get<T>(token: new (...args: never[]) => T): T {
    if (this.#service === undefined) throw new Error('audit is stopped');
    return this.#service.app.get(token as never, { strict: false });
  }

  /** A client that speaks as a bus user; one connection each. */
  as(caller: Caller): Promise<AuditCaller> {
    const known =
      this.#callers.get(caller) ?? this.bus.connect(caller).then((bus) => patientClient(bus, 'audit', AuditService));
    this.#callers.set(caller, known);
    return known;
  }

  /** Runs SQL as the owner of everything, as a thief of the database would. */
  async asThief(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.adminUrl });
    await client.connect();
    try {
      await client.query('SET search_path = audit');
      for (const table of ['log', 'event', 'checkpoint'])
        await client.query(`ALTER TABLE ${table} DISABLE TRIGGER append_only`);
      for (const statement of statements) await client.query(statement);
      for (const table of ['log', 'event', 'checkpoint'])
        await client.query(`ALTER TABLE ${table} ENABLE TRIGGER append_only`);
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.stop();
    await this.bus.close();
    await this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Reads an export to its end. */
export async function exported(api: AuditCaller, token: string): Promise<Buffer> {
  const { export: id } = await api.openExport({}, { token });
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { data, end } = await api.readExport({ export: id }, { token });
    chunks.push(data);
    if (end) return Buffer.concat(chunks);
  }
}
