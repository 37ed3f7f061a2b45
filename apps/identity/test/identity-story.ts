/** A running identity on a real bus and database, seeded with one org, and what its callers need to speak to it. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { BusClient } from '@sallyport/bus/handlers';
import { IdentityService, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { type EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import { MountMode, TriggerKind, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import type { Caller } from '@sallyport/core/access';
import { canonicalHash } from '@sallyport/core/canonical';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { type Service, startService } from '@sallyport/service/start';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { ProofKey } from '@sallyport/trust/proof';
import { identityService } from '../src/identity.service.ts';

export type IdentityClient = BusClient<typeof IdentityService>;

export interface Seed {
  readonly org: string;
  readonly principal: string;
  readonly key: string;
  readonly secret: string;
}

/** A token bound to a workload, and what the workload's runtime holds. */
export interface Attested {
  readonly token: string;
  readonly key: ProofKey;
  readonly evidence: MessageInitShape<typeof EvidenceSchema>;
  readonly unit: Unit;
}

let pids = 1_000n;

export const someEvidence = (): MessageInitShape<typeof EvidenceSchema> => {
  pids += 1n;
  return {
    format: 'process',
    pid: pids,
    startTime: 4_711n,
    namespaces: { mnt: 1n, net: 2n, pid: 3n, ipc: 4n, uts: 5n, user: 6n, cgroup: 7n },
    cgroup: '/sally/x',
    rootfsHash: 'a'.repeat(64),
    mountsHash: 'b'.repeat(64),
    boot: 'boot-1',
    uid: 65_534n,
  };
};

export const hashOf = (unit: Unit): string => canonicalHash(toJson(UnitSchema, unit));

export class IdentityStory {
  readonly bus: TestBus;
  readonly database: TestDatabase;
  readonly #directory: string;
  #service: Service;
  readonly #clients = new Map<Caller, IdentityClient>();

  private constructor(bus: TestBus, database: TestDatabase, directory: string, service: Service) {
    this.bus = bus;
    this.database = database;
    this.#directory = directory;
    this.#service = service;
  }

  static async begin(): Promise<IdentityStory> {
    const [bus, database] = await Promise.all([testBus(), testDatabase('identity')]);
    const directory = mkdtempSync(join(tmpdir(), 'sally-identity-'));
    writeFileSync(join(directory, 'kek'), randomBytes(32), { mode: 0o600 });
    return new IdentityStory(bus, database, directory, await startIdentity(bus, database, directory));
  }

  /** The service goes away and comes back on the same database and key file. */
  async restart(): Promise<void> {
    await this.#service.stop();
    this.#service = await startIdentity(this.bus, this.database, this.#directory);
  }

  async end(): Promise<void> {
    await this.#service.stop();
    await this.bus.close();
    await this.database.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async as(caller: Caller): Promise<IdentityClient> {
    const known = this.#clients.get(caller);
    if (known !== undefined) return known;
    const client = patientClient(await this.bus.connect(caller), 'identity', IdentityService);
    this.#clients.set(caller, client);
    return client;
  }

  async seed(org = 'acme', scopes: readonly string[] = ['*'], email = 'ada@example.org'): Promise<Seed> {
    const operator = await this.as('operator');
    await operator.ensureOrg({ org, environments: ['main'] });
    const { principal } = await operator.ensurePrincipal({ org, kind: PrincipalKind.USER, name: 'Ada', email });
    const made = await operator.createApiKey({
      org,
      environment: 'main',
      principal: principal?.id ?? '',
      name: 'test',
      scopes: [...scopes],
    });
    return { org, principal: principal?.id ?? '', key: made.key?.id ?? '', secret: made.secret };
  }

  async session(seed: Seed, audience = 'scheduler'): Promise<string> {
    const api = await this.as('api');
    return (await api.openSession({ secret: seed.secret, audience })).token;
  }

  unit(seed: Seed, change: Partial<Unit> = {}): Unit {
    const unit = create(UnitSchema, {
      run: newId('run', systemClock.now()),
      task: newId('task', systemClock.now()),
      identity: { org: seed.org, environment: 'main', subject: seed.principal, launcher: seed.principal },
      role: 'demo',
      runner: 'native',
      mounts: [
        { workspace: 'company', mode: MountMode.RO },
        { workspace: 'demo', mode: MountMode.RW },
      ],
      tools: ['bash'],
      trigger: { kind: TriggerKind.NOW, reference: 'key-1' },
      start: { start: { case: 'inline', value: 'do it' } },
      provider: { name: 'scripted', baseUrl: 'http://127.0.0.1:9/v1', model: 'm', credential: '' },
      profile: 'default',
    });
    return Object.assign(unit, change);
  }

  /** Authorises a unit and answers it with a dispatch id. */
  async authorized(seed: Seed): Promise<Unit> {
    const scheduler = await this.as('scheduler');
    const unit = this.unit(seed);
    await scheduler.authorizeLaunch({ unit }, { token: await this.session(seed) });
    return create(UnitSchema, { ...unit, dispatch: newId('dispatch', systemClock.now()) });
  }

  async intent(unit: Unit, epoch = 1n): Promise<string> {
    return (await (await this.as('scheduler')).mintIntent({ unit, edge: 'local', epoch })).token;
  }

  /** A dispatch token for a unit, by the whole way. */
  async attested(seed: Seed): Promise<Attested> {
    const unit = await this.authorized(seed);
    const key = await ProofKey.generate();
    const evidence = someEvidence();
    const runtime = await this.as('runtime');
    const token = await this.intent(unit);
    const answer = await runtime.exchangeIntent({ evidence, proofJwk: key.publicJwk }, { token });
    return { token: answer.token, key, evidence, unit };
  }
}

function startIdentity(bus: TestBus, database: TestDatabase, directory: string): Promise<Service> {
  return startService(identityService, {
    SALLY_NATS_URL: bus.url,
    SALLY_NATS_SEED_FILE: bus.seedFile('identity'),
    SALLY_DATABASE_URL: database.url,
    SALLY_IDENTITY_KEK_FILE: join(directory, 'kek'),
    SALLY_LOG_LEVEL: 'silent',
  });
}
