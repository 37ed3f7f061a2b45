import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BusClient } from '@sallyport/bus/handlers';
import { IdentityService, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { busTrustSource } from '@sallyport/service/trust-source';
import { FakeClock } from '@sallyport/testkit/clock';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { EpochRing, epochHorizonMs } from '@sallyport/trust/epoch-ring';
import { KeyRing } from '@sallyport/trust/key-ring';
import { chainIssuer } from '@sallyport/trust/token-class';
import { Verifier } from '@sallyport/trust/verifier';
import { raiseEpoch } from '../src/epochs/epoch.store.ts';
import { SweepEpochs } from '../src/epochs/sweep-epochs.ts';
import { IdentityModule } from '../src/identity.module.ts';

let bus: TestBus;
let database: TestDatabase;
let service: HostedService;
let directory: string;
let operator: BusClient<typeof IdentityService>;
let api: BusClient<typeof IdentityService>;
let secret: string;
const clock = new FakeClock();

beforeAll(async () => {
  [bus, database] = await Promise.all([testBus(), testDatabase('identity')]);
  directory = mkdtempSync(join(tmpdir(), 'sally-rotation-'));
  writeFileSync(join(directory, 'kek'), randomBytes(32), { mode: 0o600 });
  service = await hostService({
    name: 'identity',
    module: IdentityModule,
    bus: await bus.connect('identity'),
    verifier: await (await TestIssuer.create(clock)).verifier('identity'),
    config: { SALLY_IDENTITY_KEK_FILE: join(directory, 'kek') },
    store: database.store,
    clock,
  });
  operator = patientClient(await bus.connect('operator'), 'identity', IdentityService);
  api = patientClient(await bus.connect('api'), 'identity', IdentityService);
  await operator.ensureOrg({ org: 'acme', environments: ['main'] });
  const { principal } = await operator.ensurePrincipal({
    org: 'acme',
    kind: PrincipalKind.USER,
    name: 'Ada',
    email: 'a@example.org',
  });
  const wanted = { org: 'acme', environment: 'main', principal: principal?.id ?? '', name: 'k', scopes: ['*'] };
  secret = (await operator.createApiKey(wanted)).secret;
});
afterAll(async () => {
  await service.close();
  await bus.close();
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

const open = async (): Promise<string> => (await api.openSession({ secret, audience: 'workspace' })).token;
const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;

async function aVerifier(): Promise<{ verifier: Verifier; keys: KeyRing; epochs: EpochRing }> {
  const source = busTrustSource(await bus.connect('workspace'));
  const keys = new KeyRing({ issuer: chainIssuer, source: () => source.fetchKeys(), clock });
  const epochs = new EpochRing({ source: (after) => source.fetchEpochs(after), clock });
  await Promise.all([keys.refresh(), epochs.refresh()]);
  return { verifier: new Verifier({ audience: 'workspace', keys, epochs, clock }), keys, epochs };
}

test('a rotation is continuous, then the old key is refused for good', async () => {
  const { verifier, keys, epochs } = await aVerifier();
  const before = await open();
  await verifier.verify(before, 'session');
  const { key } = await operator.rotateKeys({ class: 'session' });
  expect(key?.kid).not.toBe(kidOf(before));

  // Published but not signing yet: a verifier that has not refreshed refuses nothing.
  expect(kidOf(await open())).toBe(kidOf(before));
  clock.advance(6_000);
  await Promise.all([keys.refresh(), epochs.refresh()]);
  const after = await open();
  expect(kidOf(after)).toBe(key?.kid);
  await verifier.verify(after, 'session');
  await verifier.verify(before, 'session');

  clock.advance(300_000);
  await epochs.refresh();
  await expect(verifier.verify(before, 'session')).rejects.toMatchObject({ reason: 'token.kid' });
  const { keys: published } = await api.listPublicKeys({});
  expect(published.some((each) => each.kid === kidOf(before))).toBe(false);
  await verifier.verify(await open(), 'session');
});

test('a key that leaked is replaced at once', async () => {
  const { verifier, epochs } = await aVerifier();
  const before = await open();
  const { key } = await operator.rotateKeys({ class: 'session', overlapSeconds: 1n });
  const after = await open();
  expect(kidOf(after)).toBe(key?.kid);
  clock.advance(1_000);
  await epochs.refresh();
  await expect(verifier.verify(after, 'session')).resolves.toBeDefined();
  const { verifier: fresh } = await aVerifier();
  await expect(fresh.verify(before, 'session')).rejects.toMatchObject({ reason: 'token.kid' });
});

test('only known classes rotate, for at most a day of overlap', async () => {
  for (const wrong of [
    { class: 'lease' },
    { class: '' },
    { class: 'intent', overlapSeconds: -1n },
    { class: 'intent', overlapSeconds: 86_401n },
  ]) {
    await expect(operator.rotateKeys(wrong)).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'identity.argument',
    });
  }
});

test('epochs are swept once no token they cover can be alive', async () => {
  const token = await open();
  const { org } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const sweep = service.app.get(SweepEpochs);
  await database.store.tx(org, (db) => raiseEpoch(db, { kind: 'org', id: org, org, issuedBefore: clock.now() }));
  clock.advance(epochHorizonMs);
  expect(await sweep.execute()).toBe(0);
  clock.advance(epochHorizonMs + 1);
  expect(await sweep.execute()).toBe(1);
});

test('the private half lies sealed in the database', async () => {
  const sealed = await database.store.system((db) =>
    db.query<{ sealed: Buffer; public_jwk: string }>('SELECT sealed, public_jwk FROM signing_key'),
  );
  expect(sealed.length).toBeGreaterThanOrEqual(3);
  for (const row of sealed) {
    expect(row.sealed.toString('latin1')).not.toContain('"d"');
    expect(JSON.parse(row.public_jwk)).not.toHaveProperty('d');
  }
});
