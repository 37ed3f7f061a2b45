import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Bus } from '@sallyport/bus/connection';
import { EpochKind } from '@sallyport/contracts/identity/v1/identity';
import { systemClock } from '@sallyport/core/clock';
import { busTrustSource, onEpochPush } from '@sallyport/service/trust-source';
import { epochRefreshMs, startTrust, type Trust } from '@sallyport/trust/start-trust';
import { IdentityStory, type Seed } from './identity-story.ts';

let story: IdentityStory;
let seed: Seed;
let bus: Bus;

beforeAll(async () => {
  story = await IdentityStory.begin();
  seed = await story.seed();
  bus = await story.bus.connect('workspace');
});
afterAll(() => story.end());

/** A verifier as the workspace service runs it, but for the one way it hears of a revocation: from a push alone, or from polls alone. */
async function aVerifier(pushes: boolean): Promise<Trust> {
  const source = busTrustSource(bus);
  let asked = 0;
  return startTrust({
    audience: 'workspace',
    clock: systemClock,
    fetchKeys: () => source.fetchKeys(),
    fetchEpochs: async (after) => {
      asked += 1;
      // Later polls hear that identity is there, and no more.
      return pushes && asked > 1 ? { epochs: [], version: after } : await source.fetchEpochs(after);
    },
    onEpochPush: pushes ? (listener) => onEpochPush(bus, listener) : () => () => undefined,
  });
}

/** Waits until a token is refused as revoked. */
async function refused({ verifier }: Trust, token: string, tokenClass: 'session' | 'dispatch'): Promise<void> {
  for (;;) {
    try {
      await verifier.verify(token, tokenClass);
    } catch (error) {
      expect(error).toMatchObject({ code: 'unauthenticated', reason: 'token.revoked' });
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a verifier that hears no push asks twice a second', () => {
  expect(epochRefreshMs).toBeLessThanOrEqual(500);
});

describe.each([
  ['by a push alone', true],
  ['by polls alone', false],
])('a revocation, told %s,', (_how, pushes) => {
  let trust: Trust;
  beforeAll(async () => {
    trust = await aVerifier(pushes);
  });
  afterAll(() => trust.stop());

  test('of a key reaches a verifier', async () => {
    const doomed = await story.seed('acme', ['*'], 'doomed@example.org');
    const api = await story.as('api');
    const token = await story.session(doomed, 'workspace');
    await trust.verifier.verify(token, 'session');
    await api.revokeApiKey({ id: doomed.key }, { token: await story.session(seed, 'identity') });
    await refused(trust, token, 'session');
  });

  test('of a key ends the runs it asked for', async () => {
    const doomed = await story.seed('acme', ['*'], `launcher-${pushes}@example.org`);
    const { token } = await story.attested(doomed);
    const { token: other } = await story.attested(seed);
    const claims = await trust.verifier.verify(token, 'dispatch');
    const api = await story.as('api');
    await api.revokeApiKey({ id: doomed.key }, { token: await story.session(seed, 'identity') });
    await refused(trust, token, 'dispatch');
    // What was verified before hears of it too: egress holds tunnels by their claims alone.
    expect(() => trust.verifier.checkRevoked(claims)).toThrow(expect.objectContaining({ reason: 'token.revoked' }));
    await expect(trust.verifier.verify(other, 'dispatch')).resolves.toBeDefined();
  });

  test('of a run by its end reaches a verifier', async () => {
    const { token, unit } = await story.attested(seed);
    const scheduler = await story.as('scheduler');
    await trust.verifier.verify(token, 'dispatch');
    await scheduler.endLaunch({ org: 'acme', run: unit.run });
    await refused(trust, token, 'dispatch');
  });

  test('of a principal, an org or a run by hand reaches a verifier', async () => {
    const api = await story.as('api');
    for (const kind of [EpochKind.RUN, EpochKind.SUBJECT, EpochKind.ORG]) {
      const org = `org-${kind}-${pushes}`;
      const own = await story.seed(org, ['*'], `x${kind}${pushes}@example.org`);
      const { token, unit } = await story.attested(own);
      const other = await story.session(seed, 'workspace');
      await trust.verifier.verify(token, 'dispatch');
      const id = { [EpochKind.RUN]: unit.run, [EpochKind.SUBJECT]: own.principal, [EpochKind.ORG]: org }[
        kind as 1 | 2 | 3
      ];
      await api.revoke({ kind, id }, { token: await story.session(own, 'identity') });
      await refused(trust, token, 'dispatch');
      await expect(trust.verifier.verify(other, 'session')).resolves.toBeDefined();
    }
  });
});

describe('a restart of identity', () => {
  test('forgets neither revocations nor signing keys', async () => {
    const [kept, ended] = await Promise.all([story.attested(seed), story.attested(seed)]);
    const scheduler = await story.as('scheduler');
    await scheduler.endLaunch({ org: 'acme', run: ended.unit.run });
    await story.restart();
    const trust = await aVerifier(true);
    await expect(trust.verifier.verify(kept.token, 'dispatch')).resolves.toBeDefined();
    await expect(trust.verifier.verify(ended.token, 'dispatch')).rejects.toMatchObject({ reason: 'token.revoked' });
    trust.stop();
  });
});

describe('versions of epochs', () => {
  test('begin anew for a verifier that has seen more than there are', async () => {
    const { unit } = await story.attested(seed);
    const [scheduler, api] = await Promise.all([story.as('scheduler'), story.as('api')]);
    await scheduler.endLaunch({ org: 'acme', run: unit.run });
    const page = await api.listEpochs({ afterVersion: 1_000_000n });
    expect(page.epochs.map((epoch) => epoch.id)).toContain(unit.run);
    expect(page.version).toBeLessThan(1_000_000n);
  });

  test('become visible in their order however many are raised at once', async () => {
    const scheduler = await story.as('scheduler');
    const api = await story.as('api');
    const units = await Promise.all(Array.from({ length: 24 }, () => story.authorized(seed)));
    let version = (await api.listEpochs({})).version;
    const seen = new Set<string>();
    let raising = true;
    const watching = (async () => {
      do {
        const page = await api.listEpochs({ afterVersion: version });
        for (const epoch of page.epochs) seen.add(epoch.id);
        version = page.version;
      } while (raising);
    })();
    await Promise.all(units.map((unit) => scheduler.endLaunch({ org: 'acme', run: unit.run })));
    raising = false;
    await watching;
    for (const epoch of (await api.listEpochs({ afterVersion: version })).epochs) seen.add(epoch.id);
    expect(units.filter((unit) => !seen.has(unit.run))).toEqual([]);
  });
});
