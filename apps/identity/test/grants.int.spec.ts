import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { GrantState } from '@sallyport/contracts/identity/v1/grant';
import { MountMode, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { aTrigger, GrantStory } from './grant-story.ts';
import { IdentityStory, type Seed } from './identity-story.ts';

let identity: IdentityStory;
let story: GrantStory;
let seed: Seed;

beforeAll(async () => {
  identity = await IdentityStory.begin();
  story = new GrantStory(identity);
  seed = await identity.seed();
});
afterAll(() => identity.end());

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
const aUnitWith = (workspace: string) => create(UnitSchema, { mounts: [{ workspace, mode: MountMode.RO }] }).mounts;
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());

describe('consent', () => {
  test('is bounded by what the key may, and exported as a grant+jwt that no boundary takes', async () => {
    const narrow = await identity.seed('acme', ['grant:write', 'run:create', 'grant:read'], 'narrow@example.org');
    const { grant, trigger } = await story.give(narrow, { maxRuns: 3n, ttlSeconds: 3_600n });
    expect(grant).toMatchObject({
      subject: narrow.principal,
      environment: 'main',
      key: narrow.key,
      scopes: ['grant:write', 'run:create', 'grant:read'],
      state: GrantState.ACTIVE,
      reason: '',
      terms: { maxRuns: 3n, maxPerDay: 1_000n, ttlSeconds: 3_600n },
      usedRuns: 0n,
    });
    expect(headerOf(grant.token)).toMatchObject({ typ: 'grant+jwt', alg: 'ES256' });
    expect(claimsOf(grant.token)).toMatchObject({
      iss: 'sallyport:identity',
      sub: narrow.principal,
      jti: grant.id,
      may_act: { iss: 'sallyport:identity', sub: 'sallyport:scheduler' },
      trg: { kind: 'schedule', id: trigger.id, spec_hash: trigger.specHash },
      wsp: [
        { id: 'company', mode: 'ro' },
        { id: 'demo', mode: 'rw' },
      ],
      lim: { max_runs: 3, max_per_day: 1_000 },
    });
    const api = await identity.as('api');
    await expect(api.listGrants({}, { token: grant.token })).rejects.toMatchObject({ reason: 'token.typ' });
    const scheduler = await identity.as('scheduler');
    const asSession = scheduler.createGrant({ trigger: aTrigger() }, { token: grant.token });
    await expect(asSession).rejects.toMatchObject({ reason: 'token.typ' });
  });

  test('does not outlast the key it is given by', async () => {
    const operator = await identity.as('operator');
    const { principal } = await operator.ensurePrincipal({
      org: 'acme',
      kind: 1,
      name: 'Ada',
      email: 'ada@example.org',
    });
    const brief = { org: 'acme', environment: 'main', principal: principal?.id ?? '', name: 'b', scopes: ['*'] };
    const made = await operator.createApiKey({ ...brief, ttlSeconds: 600n });
    const { grant } = await story.give({ ...seed, key: made.key?.id ?? '', secret: made.secret });
    expect(Number(grant.terms?.ttlSeconds)).toBeLessThanOrEqual(600);
  });

  test('hands on no right the key does not have', async () => {
    const poor = await identity.seed('acme', ['grant:write'], 'poor@example.org');
    await expect(story.give(poor)).rejects.toMatchObject({ code: 'permission_denied', reason: 'identity.grant_scope' });
  });

  test('given again replaces the one before, one at a time however many give it', async () => {
    const trigger = aTrigger();
    const first = await story.give(seed, {}, trigger);
    const given = await Promise.all(Array.from({ length: 8 }, () => story.give(seed, {}, trigger)));
    const states = await Promise.all(
      [first, ...given].map(async ({ grant }) => (await story.read(seed, grant.id)).state),
    );
    expect(states.filter((state) => state === GrantState.ACTIVE)).toHaveLength(1);
    expect(states.filter((state) => state === GrantState.REPLACED)).toHaveLength(8);
    const old = story.fire(story.firing(seed, first), trigger);
    await expect(old).rejects.toMatchObject({ reason: 'identity.grant_revoked', detail: { why: 'replaced' } });
  });
});

describe('reading grants', () => {
  test('pages through those of the environment, newest first, and hides what is over when asked', async () => {
    const own = await identity.seed('paged', ['*'], 'paged@example.org');
    const ids: string[] = [];
    for (let at = 0; at < 5; at += 1) ids.unshift((await story.give(own)).grant.id);
    await story.revoke(own, ids[0] ?? '');
    const api = await identity.as('api');
    const token = await identity.session(own, 'identity');
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await api.listGrants({ pageSize: 2, pageToken }, { token });
      seen.push(...page.grants.map((grant) => grant.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(ids);
    const { grants } = await api.listGrants({ active: true }, { token });
    expect(grants.map((grant) => grant.id)).toEqual(ids.slice(1));
    for (const wrong of [{ pageSize: -1 }, { pageSize: 201 }, { pageToken: 'grn_1' }])
      await expect(api.listGrants(wrong, { token })).rejects.toMatchObject({ reason: 'identity.argument' });
  });

  test("does not find another org's or another environment's, nor end them", async () => {
    const { grant } = await story.give(seed);
    const stranger = await identity.seed('stranger', ['*'], 'stranger@example.org');
    const operator = await identity.as('operator');
    await operator.ensureOrg({ org: 'acme', environments: ['lab'] });
    const wanted = { org: 'acme', environment: 'lab', principal: seed.principal, name: 'lab', scopes: ['*'] };
    const { secret, key } = await operator.createApiKey(wanted);
    for (const other of [stranger, { ...seed, secret, key: key?.id ?? '' }]) {
      const unknown = { code: 'not_found', reason: 'identity.grant_unknown' };
      await expect(story.read(other, grant.id)).rejects.toMatchObject(unknown);
      await expect(story.revoke(other, grant.id)).rejects.toMatchObject(unknown);
    }
    expect((await story.read(seed, grant.id)).state).toBe(GrantState.ACTIVE);
  });
});

describe('a firing on a grant', () => {
  test('runs on behalf of the person, by the trigger, and its tokens name the grant', async () => {
    const given = await story.give(seed, { ttlSeconds: 300n });
    const { token, unit } = await story.attested(seed, given);
    expect(claimsOf(token)).toMatchObject({
      sub: seed.principal,
      grant: given.grant.id,
      key: seed.key,
      txn: unit.run,
      act: {
        sub_profile: 'ai_agent',
        act: {
          sub: given.trigger.id,
          sub_profile: 'schedule',
          act: { sub: seed.principal, sub_profile: 'user' },
        },
      },
    });
    // A dispatch token lives ten minutes unless the grant ends earlier.
    expect(claimsOf(token).exp * 1_000).toBeLessThanOrEqual(systemClock.now() + 300_000);
    const [used] = await story.events('acme', 'grant.used', given.grant.id);
    expect(used).toMatchObject({ run: unit.run, subject: seed.principal, facts: { used: '1' } });
  });

  test('asked again answers the same and is counted once', async () => {
    const given = await story.give(seed, { maxRuns: 1n });
    const unit = story.firing(seed, given);
    const answers = await Promise.all(Array.from({ length: 10 }, () => story.fire(unit, given.trigger)));
    expect(new Set(answers)).toEqual(new Set([unit.run]));
    expect(await story.read(seed, given.grant.id)).toMatchObject({ usedRuns: 1n, state: GrantState.SPENT });
    expect(await story.events('acme', 'grant.used', given.grant.id)).toHaveLength(1);
    const swapped = story.fire({ ...unit, persona: 'another' }, given.trigger);
    await expect(swapped).rejects.toMatchObject({ code: 'already_exists', reason: 'identity.launch_taken' });
  });

  test('that spends the grant still runs', async () => {
    const given = await story.give(seed, { maxRuns: 1n });
    await expect(story.attested(seed, given)).resolves.toMatchObject({ token: expect.any(String) });
  });

  test('on an event acts as an integration', async () => {
    const given = await story.give(seed, {}, aTrigger('subscription'));
    const { token } = await story.attested(seed, given);
    expect(claimsOf(token).act.act).toMatchObject({ sub: given.trigger.id, sub_profile: 'integration' });
  });
});

describe('the last run of a grant', () => {
  test.each([
    ['in all', { maxRuns: 100n }, 'identity.grant_spent'],
    ['of the day', { maxPerDay: 100n }, 'identity.grant_day_spent'],
  ])('%s goes to one of twenty callers', async (_what, terms, reason) => {
    const given = await story.give(seed, terms);
    for (let batch = 0; batch < 9; batch += 1)
      await Promise.all(Array.from({ length: 11 }, () => story.fire(story.firing(seed, given), given.trigger)));
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => story.fire(story.firing(seed, given), given.trigger)),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.reason] : []));
    expect(new Set(reasons)).toEqual(new Set([reason]));
    expect(await story.read(seed, given.grant.id)).toMatchObject({ usedRuns: 100n, usedToday: 100n });
    expect(await story.events('acme', 'grant.denied', given.grant.id)).toHaveLength(19);
  });
});

describe('a grant that is over', () => {
  test('mints nothing more, for runs authorised before too', async () => {
    const given = await story.give(seed);
    const unit = story.firing(seed, given);
    await story.fire(unit, given.trigger);
    unit.dispatch = newId('dispatch', systemClock.now());
    await story.revoke(seed, given.grant.id);
    await story.revoke(seed, given.grant.id);
    await expect(identity.intent(unit)).rejects.toMatchObject({ reason: 'identity.grant_revoked' });
    expect(await story.events('acme', 'grant.revoked', given.grant.id)).toHaveLength(1);
    expect(await story.read(seed, given.grant.id)).toMatchObject({ state: GrantState.REVOKED, reason: 'revoked' });
  });

  test('ends with its trigger, whoever gave it', async () => {
    const [given, other] = [await story.give(seed), await story.give(seed)];
    const scheduler = await identity.as('scheduler');
    const { kind, id } = given.trigger;
    for (const org of ['acme', 'stranger', 'acme']) await scheduler.endGrants({ org, kind, id });
    expect(await story.read(seed, given.grant.id)).toMatchObject({
      state: GrantState.REVOKED,
      reason: 'trigger_removed',
    });
    expect((await story.read(seed, other.grant.id)).state).toBe(GrantState.ACTIVE);
    for (const wrong of [{ org: '' }, { org: '*' }, { kind: 'webhook' }, { id: 'x' }])
      await expect(scheduler.endGrants({ org: 'acme', kind, id, ...wrong })).rejects.toMatchObject({
        reason: 'identity.argument',
      });
  });

  test('expired is refused at every step', async () => {
    const given = await story.give(seed);
    const unit = story.firing(seed, given);
    await story.fire(unit, given.trigger);
    unit.dispatch = newId('dispatch', systemClock.now());
    await identity.database.store.tx('acme', (db) =>
      db.query("UPDATE trigger_grant SET expires_at = now() - interval '1 second' WHERE id = $1", [given.grant.id]),
    );
    await expect(identity.intent(unit)).rejects.toMatchObject({ reason: 'identity.grant_expired' });
    const again = story.fire(story.firing(seed, given), given.trigger);
    await expect(again).rejects.toMatchObject({ reason: 'identity.grant_expired' });
    expect((await story.read(seed, given.grant.id)).state).toBe(GrantState.EXPIRED);
  });
});

describe('a unit on a grant', () => {
  test('is not launched by a session', async () => {
    const given = await story.give(seed);
    const unit = story.firing(seed, given);
    Object.assign(unit.identity ?? {}, { launcher: seed.principal });
    const scheduler = await identity.as('scheduler');
    const refused = scheduler.authorizeLaunch({ unit }, { token: await identity.session(seed) });
    await expect(refused).rejects.toMatchObject({
      reason: 'identity.identity_mismatch',
      detail: { field: 'trigger.grant' },
    });
  });

  test('that is misshapen is refused before anything is read', async () => {
    const given = await story.give(seed);
    const scheduler = await identity.as('scheduler');
    const unit = story.firing(seed, given);
    const { trigger } = given;
    for (const wrong of [
      {},
      { trigger },
      { unit },
      { unit: { ...unit, run: 'run_1' }, trigger },
      { unit: { ...unit, identity: undefined }, trigger },
      { unit: story.firing(seed, given, { mounts: aUnitWith('..') }), trigger },
      { unit, trigger: { ...trigger, specHash: '' } },
    ]) {
      await expect(scheduler.authorizeFiring(wrong as never)).rejects.toMatchObject({ reason: 'identity.argument' });
    }
  });
});
