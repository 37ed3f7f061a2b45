/** Attacks on grants, each from the outside (T29): what a scheduler that is lied to, or lies, cannot get. */

import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { EpochKind } from '@sallyport/contracts/identity/v1/identity';
import { MountMode, type Unit } from '@sallyport/contracts/unit/v1/unit';
import { callers } from '@sallyport/core/access';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { busTrustSource, onEpochPush } from '@sallyport/service/trust-source';
import { startTrust } from '@sallyport/trust/start-trust';
import { aTrigger, type Given, GrantStory } from './grant-story.ts';
import { IdentityStory, type Seed } from './identity-story.ts';

let identity: IdentityStory;
let story: GrantStory;
let admin: Seed;

beforeAll(async () => {
  identity = await IdentityStory.begin();
  story = new GrantStory(identity);
  admin = await identity.seed();
});
afterAll(() => identity.end());

let people = 0;
const person = (org = 'acme'): Promise<Seed> => identity.seed(org, ['*'], `person-${(people += 1)}@example.org`);
const asAdmin = async () => ({ token: await identity.session(admin, 'identity') });

interface Attack {
  readonly seed: Seed;
  readonly given: Given;
}

const swap = (unit: Unit, identityChange: Record<string, string>): Unit => {
  Object.assign(unit.identity ?? {}, identityChange);
  return unit;
};

const attacks: [string, string, (attack: Attack) => Promise<unknown>][] = [
  [
    'after the person was disabled',
    'identity.principal_disabled',
    async ({ seed, given }) => {
      const api = await identity.as('api');
      await api.setPrincipalDisabled({ principal: seed.principal, disabled: true }, await asAdmin());
      return story.fire(story.firing(seed, given), given.trigger);
    },
  ],
  [
    'after the key it was given by was revoked',
    'identity.grant_right_lost',
    async ({ seed, given }) => {
      await (await identity.as('api')).revokeApiKey({ id: seed.key }, await asAdmin());
      return story.fire(story.firing(seed, given), given.trigger);
    },
  ],
  [
    'after that key ran out',
    'identity.grant_right_lost',
    async ({ seed, given }) => {
      await identity.database.store.tx('acme', (db) =>
        db.query("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = $1", [seed.key]),
      );
      return story.fire(story.firing(seed, given), given.trigger);
    },
  ],
  [
    'after the schedule was edited',
    'identity.grant_changed',
    ({ seed, given }) => story.fire(story.firing(seed, given), { ...given.trigger, specHash: 'b'.repeat(64) }),
  ],
  [
    'by another schedule',
    'identity.grant_trigger',
    ({ seed, given }) => {
      const other = aTrigger();
      return story.fire(story.firing(seed, { grant: given.grant, trigger: other }), other);
    },
  ],
  [
    'by another schedule that names this one',
    'identity.grant_trigger',
    ({ seed, given }) => story.fire(swap(story.firing(seed, given), { launcher: aTrigger().id }), given.trigger),
  ],
  [
    'on behalf of another user',
    'identity.grant_subject',
    ({ seed, given }) => story.fire(swap(story.firing(seed, given), { subject: admin.principal }), given.trigger),
  ],
  [
    'in another environment',
    'identity.grant_subject',
    ({ seed, given }) => story.fire(swap(story.firing(seed, given), { environment: 'lab' }), given.trigger),
  ],
  [
    'with a mount that was ro',
    'identity.grant_mounts',
    ({ seed, given }) => {
      const unit = story.firing(seed, given);
      for (const mount of unit.mounts) mount.mode = MountMode.RW;
      return story.fire(unit, given.trigger);
    },
  ],
  [
    'with a run of somebody else',
    'identity.launch_taken',
    async ({ seed, given }) => {
      const { run } = await identity.authorized(admin);
      return story.fire(story.firing(seed, given, { run }), given.trigger);
    },
  ],
  [
    'after it was revoked',
    'identity.grant_revoked',
    async ({ seed, given }) => {
      await story.revoke(seed, given.grant.id);
      return story.fire(story.firing(seed, given), given.trigger);
    },
  ],
];

describe('a grant cannot be used', () => {
  test.each(attacks)('%s', async (_what, reason, attack) => {
    const seed = await person();
    const given = await story.give(seed);
    await expect(attack({ seed, given })).rejects.toMatchObject({ reason });
    const denied = await story.events('acme', 'grant.denied', given.grant.id);
    expect(denied.map((event) => event.reason)).toEqual([reason]);
    expect(await story.events('acme', 'grant.used', given.grant.id)).toEqual([]);
  });

  test('by its id from another org, which learns nothing and whose log tells of it', async () => {
    const [seed, stranger] = [await person(), await person('stranger')];
    const given = await story.give(seed);
    const unit = swap(story.firing(seed, given), { org: 'stranger', subject: stranger.principal });
    const unknown = story.fire(
      { ...unit, trigger: { ...unit.trigger, grant: newId('grant', 0) } as never },
      given.trigger,
    );
    await expect(unknown).rejects.toMatchObject({ code: 'not_found', reason: 'identity.grant_unknown' });
    await expect(story.fire(unit, given.trigger)).rejects.toMatchObject({
      code: 'not_found',
      reason: 'identity.grant_unknown',
    });
    const logged = await identity.database.store.tx('stranger', (db) =>
      db.query<{ payload: Buffer }>('SELECT payload FROM outbox'),
    );
    const kinds = logged.map((row) => fromBinary(EventSchema, row.payload).kind);
    expect(kinds.filter((kind) => kind === 'grant.denied')).toHaveLength(2);
    expect(await story.read(seed, given.grant.id)).toMatchObject({ usedRuns: 0n });
  });

  test('in an org that does not exist, whose log is not begun by it', async () => {
    const seed = await person();
    const given = await story.give(seed);
    const refused = story.fire(swap(story.firing(seed, given), { org: 'nowhere' }), given.trigger);
    await expect(refused).rejects.toMatchObject({ reason: 'identity.grant_unknown' });
    const begun = await identity.database.store.system((db) => db.query("SELECT 1 FROM outbox WHERE org = 'nowhere'"));
    expect(begun).toEqual([]);
  });

  test.each(callers.filter((caller) => caller !== 'scheduler'))('by %s', async (caller) => {
    const seed = await person();
    const given = await story.give(seed);
    const client = await identity.as(caller);
    const refused = client.authorizeFiring({ unit: story.firing(seed, given), trigger: given.trigger });
    await expect(refused).rejects.toMatchObject({ code: 'permission_denied', reason: 'bus.caller' });
    expect(await story.read(seed, given.grant.id)).toMatchObject({ usedRuns: 0n });
  });

  test('by an attempt with another unit than was fired', async () => {
    const seed = await person();
    const given = await story.give(seed);
    const unit = story.firing(seed, given);
    await story.fire(unit, given.trigger);
    const dispatch = newId('dispatch', systemClock.now());
    const swapped = identity.intent({ ...unit, dispatch, argv: ['rm', '-rf', '/'] });
    await expect(swapped).rejects.toMatchObject({ reason: 'identity.unit_mismatch' });
  });
});

describe('live runs on a grant', () => {
  const ends: [string, (attack: Attack) => Promise<unknown>][] = [
    ['is revoked', ({ seed, given }) => story.revoke(seed, given.grant.id)],
    ['is replaced', ({ seed, given }) => story.give(seed, {}, given.trigger)],
    [
      'loses its trigger',
      async ({ given: { trigger } }) =>
        (await identity.as('scheduler')).endGrants({ org: 'acme', kind: trigger.kind, id: trigger.id }),
    ],
    [
      'loses its person',
      async ({ seed }) =>
        (await identity.as('api')).setPrincipalDisabled({ principal: seed.principal, disabled: true }, await asAdmin()),
    ],
    ['loses its key', async ({ seed }) => (await identity.as('api')).revokeApiKey({ id: seed.key }, await asAdmin())],
    [
      'has its tokens called back',
      async ({ given }) =>
        (await identity.as('api')).revoke({ kind: EpochKind.GRANT, id: given.grant.id }, await asAdmin()),
    ],
  ];

  test.each(ends)('are refused everywhere once it %s', async (_what, end) => {
    const seed = await person();
    const given = await story.give(seed, { maxRuns: 1n });
    const bus = await identity.bus.connect('workspace');
    const source = busTrustSource(bus);
    const { verifier, stop } = await startTrust({
      audience: 'workspace',
      clock: systemClock,
      fetchKeys: () => source.fetchKeys(),
      fetchEpochs: (after) => source.fetchEpochs(after),
      onEpochPush: (listener) => onEpochPush(bus, listener),
    });
    const { token } = await story.attested(seed, given);
    const { token: neighbour } = await story.attested(admin, await story.give(admin));
    await verifier.verify(token, 'dispatch');
    await end({ seed, given });
    let reason = '';
    while (reason === '') {
      await verifier.verify(token, 'dispatch').catch((refused: { reason: string }) => (reason = refused.reason));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reason).toBe('token.revoked');
    await expect(verifier.verify(neighbour, 'dispatch')).resolves.toMatchObject({ grant: expect.any(String) });
    stop();
  });
});
