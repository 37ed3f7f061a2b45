import { randomBytes } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { EpochKind, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import pg from 'pg';
import { IdentityStory, type Seed } from './identity-story.ts';

let story: IdentityStory;
let seed: Seed;

beforeAll(async () => {
  story = await IdentityStory.begin();
  seed = await story.seed();
});
afterAll(() => story.end());

const keyInvalid = { code: 'unauthenticated', reason: 'identity.key_invalid', detail: {} };

/** Rows of a table as the database holds them, whoever's they are. */
async function rows(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: story.database.adminUrl });
  await client.connect();
  try {
    return ((await client.query(`SET search_path = identity; ${sql}`)) as unknown as pg.QueryResult[])[1]?.rows ?? [];
  } finally {
    await client.end();
  }
}

describe('an API key', () => {
  test('is shown once and kept as its hash', async () => {
    expect(seed.secret).toMatch(/^sally_[A-Za-z0-9_-]{43}$/);
    const [kept] = await rows(`SELECT row_to_json(api_key)::text AS row FROM api_key WHERE id = '${seed.key}'`);
    expect(String(kept?.['row'])).not.toContain(seed.secret);
    expect(String(kept?.['row'])).toContain(seed.secret.slice(0, 12));
    const outbox = await rows("SELECT encode(payload, 'escape') AS text FROM outbox");
    expect(outbox.some((row) => String(row['text']).includes(seed.secret.slice(6)))).toBe(false);
  });

  test('opens a session for one audience with its scopes', async () => {
    const api = await story.as('api');
    const opened = await api.openSession({ secret: seed.secret, audience: 'workspace' });
    expect(opened).toMatchObject({
      environment: 'main',
      scopes: ['*'],
      principal: { id: seed.principal, email: 'ada@example.org' },
    });
    const claims = JSON.parse(Buffer.from(opened.token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({
      aud: 'sallyport:workspace',
      sub: seed.principal,
      key: seed.key,
      org: 'acme',
      env: 'main',
    });
    expect(claims.exp - claims.iat).toBe(300);
  });

  test('gets the same refusal whether unknown, malformed, revoked, expired or of a disabled principal', async () => {
    const [api, operator] = await Promise.all([story.as('api'), story.as('operator')]);
    const admin = await story.session(seed, 'identity');
    const revoked = await story.seed();
    await api.revokeApiKey({ id: revoked.key }, { token: admin });
    const owner = await operator.ensurePrincipal({
      org: 'acme',
      kind: PrincipalKind.SERVICE,
      name: 'Bot',
      email: 'bot@example.org',
    });
    const wanted = {
      org: 'acme',
      environment: 'main',
      principal: owner.principal?.id ?? '',
      name: 'k',
      scopes: ['run:read'],
    };
    const [disabled, expired] = await Promise.all([
      operator.createApiKey(wanted),
      operator.createApiKey({ ...wanted, ttlSeconds: 3_600n }),
    ]);
    await api.setPrincipalDisabled({ principal: wanted.principal, disabled: true }, { token: admin });
    await rows(`UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = '${expired.key?.id}'`);
    const unknown = `sally_${randomBytes(32).toString('base64url')}`;
    for (const secret of [unknown, '', 'sally_', `${seed.secret} `, revoked.secret, expired.secret, disabled.secret]) {
      await expect(api.openSession({ secret, audience: 'scheduler' })).rejects.toMatchObject(keyInvalid);
    }
  });

  test('that is refused leaves a record in the log of its org, when it has one', async () => {
    const api = await story.as('api');
    const spent = await story.seed();
    await api.revokeApiKey({ id: spent.key }, { token: await story.session(seed, 'identity') });
    await expect(api.openSession({ secret: spent.secret, audience: 'audit' })).rejects.toMatchObject(keyInvalid);
    // The refusal does not wait for its record.
    let kinds: string[] = [];
    while (!kinds.includes('auth.denied')) {
      const found = await story.database.store.tx('acme', (db) =>
        db.query<{ payload: Buffer }>('SELECT payload FROM outbox ORDER BY position'),
      );
      const events = found.map((row) => fromBinary(EventSchema, row.payload));
      kinds = events.filter((event) => event.resource === `key/${spent.key}`).map((event) => event.kind);
    }
    expect(kinds).toEqual(['admin.key', 'admin.key', 'auth.denied']);
  });

  test('that expires soon opens no session beyond its end', async () => {
    const [api, operator] = await Promise.all([story.as('api'), story.as('operator')]);
    const wanted = {
      org: 'acme',
      environment: 'main',
      principal: seed.principal,
      name: 'brief',
      scopes: ['run:read'],
      ttlSeconds: 20n,
    };
    const brief = await operator.createApiKey(wanted);
    const { token } = await api.openSession({ secret: brief.secret, audience: 'scheduler' });
    const { exp, iat } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(exp - iat).toBeLessThanOrEqual(20);
  });

  test.each([
    ['an unknown scope', { scopes: ['world:rule'] }, 'identity.argument'],
    ['no scope', { scopes: [] }, 'identity.argument'],
    ['a negative life', { ttlSeconds: -1n }, 'identity.argument'],
    ['an empty name', { name: '' }, 'identity.argument'],
    ['an empty org', { org: '' }, 'identity.argument'],
    ['an unknown org', { org: 'nowhere' }, 'identity.org_unknown'],
    ['an unknown environment', { environment: 'nowhere' }, 'identity.environment_unknown'],
    ['an unknown principal', { principal: 'usr_nobody' }, 'identity.principal_unknown'],
  ])('is not made with %s', async (_what, change, reason) => {
    const operator = await story.as('operator');
    const wanted = { org: 'acme', environment: 'main', principal: seed.principal, name: 'k', scopes: ['*'] };
    await expect(operator.createApiKey({ ...wanted, ...change })).rejects.toMatchObject({ reason });
  });

  test('opens no session for an audience nobody has', async () => {
    const api = await story.as('api');
    for (const audience of ['', 'runtime', 'sallyport:scheduler']) {
      await expect(api.openSession({ secret: seed.secret, audience })).rejects.toMatchObject({
        reason: 'identity.argument',
      });
    }
  });
});

describe('an org', () => {
  test('is the same when it is asked for again, and gains what is missing', async () => {
    const operator = await story.as('operator');
    await operator.ensureOrg({ org: 'grow', environments: ['main'] });
    await expect(operator.ensureOrg({ org: 'grow', environments: ['lab', 'main'] })).resolves.toMatchObject({
      environments: ['lab', 'main'],
    });
    for (const org of ['', 'Upper', 'a.b', '*', '-a', 'a'.repeat(41)]) {
      await expect(operator.ensureOrg({ org, environments: ['main'] })).rejects.toMatchObject({
        reason: 'identity.argument',
      });
    }
  });

  test("sees and touches nothing of another's", async () => {
    const other = await story.seed('other', ['*'], 'eve@example.org');
    const [api, scheduler] = await Promise.all([story.as('api'), story.as('scheduler')]);
    const token = await story.session(other, 'identity');
    const { keys } = await api.listApiKeys({}, { token });
    expect(keys.map((key) => key.id)).toEqual([other.key]);
    await expect(api.revokeApiKey({ id: seed.key }, { token })).rejects.toMatchObject({
      code: 'not_found',
      reason: 'identity.key_unknown',
    });
    await expect(
      api.setPrincipalDisabled({ principal: seed.principal, disabled: true }, { token }),
    ).rejects.toMatchObject({
      code: 'not_found',
      reason: 'identity.principal_unknown',
    });
    const targets: [EpochKind, string][] = [
      [EpochKind.KEY, seed.key],
      [EpochKind.SUBJECT, seed.principal],
      [EpochKind.ORG, 'acme'],
      [EpochKind.RUN, (await story.authorized(seed)).run],
    ];
    for (const [kind, id] of targets) {
      await expect(api.revoke({ kind, id }, { token })).rejects.toMatchObject({
        code: 'not_found',
        reason: 'identity.revoke_unknown',
      });
    }
    await expect(api.revoke({ kind: EpochKind.KID, id: 'any' }, { token })).rejects.toMatchObject({
      reason: 'identity.argument',
    });
    const unit = await story.authorized(seed);
    const stolen = story.unit(other, { run: unit.run });
    const sessionToken = await story.session(other);
    await expect(scheduler.authorizeLaunch({ unit: stolen }, { token: sessionToken })).rejects.toMatchObject({
      reason: 'identity.launch_taken',
    });
    await expect(scheduler.endLaunch({ org: 'other', run: unit.run })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is held apart by the database when a query forgets it', async () => {
    await story.seed('other', ['*'], 'eve@example.org');
    const found = await story.database.store.tx('other', (db) => db.query<{ org: string }>('SELECT org FROM api_key'));
    expect(new Set(found.map((row) => row.org))).toEqual(new Set(['other']));
    const written = story.database.store.tx('other', (db) => db.query("UPDATE principal SET org = 'acme'"));
    await expect(written).rejects.toMatchObject({ code: '42501' });
  });
});

describe('an attempt', () => {
  test('needs a launch, its very unit, and an epoch above the last', async () => {
    const scheduler = await story.as('scheduler');
    const unit = await story.authorized(seed);
    const mint = (change: object, epoch = 1n) =>
      scheduler.mintIntent({ unit: Object.assign(structuredClone(unit), change), edge: 'local', epoch });
    await expect(mint({ run: story.unit(seed).run })).rejects.toMatchObject({ reason: 'identity.launch_unknown' });
    for (const change of [
      { persona: 'evil' },
      { argv: ['sh'] },
      { mounts: [] },
      { profile: 'root' },
      { role: 'other' },
      { tools: [] },
    ]) {
      await expect(mint(change)).rejects.toMatchObject({ code: 'permission_denied', reason: 'identity.unit_mismatch' });
    }
    await expect(mint({ dispatch: 'x' })).rejects.toMatchObject({ reason: 'identity.argument' });
    await expect(mint({}, 0n)).rejects.toMatchObject({ reason: 'identity.argument' });
    await mint({}, 3n);
    for (const epoch of [1n, 2n, 3n])
      await expect(mint({}, epoch)).rejects.toMatchObject({ reason: 'identity.epoch_stale' });
    const second = await story.authorized(seed);
    const taken = scheduler.mintIntent({
      unit: Object.assign(second, { dispatch: unit.dispatch }),
      edge: 'local',
      epoch: 9n,
    });
    await expect(taken).rejects.toMatchObject({ reason: 'identity.dispatch_taken' });
  });

  test('is authorised once per run, with the same unit as often as asked', async () => {
    const scheduler = await story.as('scheduler');
    const token = await story.session(seed);
    const unit = story.unit(seed);
    await scheduler.authorizeLaunch({ unit }, { token });
    await expect(scheduler.authorizeLaunch({ unit }, { token })).resolves.toMatchObject({ run: unit.run });
    const changed = scheduler.authorizeLaunch({ unit: Object.assign(unit, { persona: 'evil' }) }, { token });
    await expect(changed).rejects.toMatchObject({ code: 'already_exists', reason: 'identity.launch_taken' });
  });

  test('is not minted once key or principal are gone', async () => {
    const [api, operator] = await Promise.all([story.as('api'), story.as('operator')]);
    const admin = await story.session(seed, 'identity');
    const doomed = await story.seed('acme', ['*'], 'doomed@example.org');
    const first = await story.authorized(doomed);
    await api.revokeApiKey({ id: doomed.key }, { token: admin });
    await expect(story.intent(first)).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'identity.key_revoked',
    });
    const again = await story.seed('acme', ['*'], 'doomed@example.org');
    const second = await story.authorized(again);
    await api.setPrincipalDisabled({ principal: again.principal, disabled: true }, { token: admin });
    await expect(story.intent(second)).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'identity.principal_disabled',
    });
    await expect(
      operator.ensurePrincipal({ org: 'acme', kind: PrincipalKind.USER, name: 'D', email: 'doomed@example.org' }),
    ).resolves.toMatchObject({
      principal: { disabled: true },
    });
  });
});
