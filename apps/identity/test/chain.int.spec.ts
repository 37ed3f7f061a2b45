import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { ProofKey } from '@sallyport/trust/proof';
import { hashOf, IdentityStory, type Seed, someEvidence } from './identity-story.ts';

let story: IdentityStory;
let seed: Seed;

beforeAll(async () => {
  story = await IdentityStory.begin();
  seed = await story.seed();
});
afterAll(() => story.end());

/** Claims of a compact token, unverified. */
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

const exchange = async (token: string) =>
  (await story.as('runtime')).exchangeIntent(
    { evidence: someEvidence(), proofJwk: (await ProofKey.generate()).publicJwk },
    { token },
  );

const prover = (key: ProofKey, token: string) => async (target: { method: string; uri: string }) =>
  key.prove(target, token, systemClock.now());

describe('the chain from key to dispatch token', () => {
  test('states in the dispatch token what was authorised and attested', async () => {
    const { token, key, unit } = await story.attested(seed);
    expect(claimsOf(token)).toMatchObject({
      iss: 'sallyport:identity',
      aud: 'sallyport',
      sub: seed.principal,
      org: 'acme',
      env: 'main',
      txn: unit.run,
      cnf: { jkt: key.jkt },
      act: { sub_profile: 'ai_agent', act: { sub: seed.principal, sub_profile: 'user' } },
      att: { fmt: 'process', lvl: 1 },
      tctx: {
        dsp: { id: unit.dispatch, h: hashOf(unit) },
        wsp: [
          { id: 'company', mode: 'ro' },
          { id: 'demo', mode: 'rw' },
        ],
        net: { provider: 'scripted', url: 'http://127.0.0.1:9/v1' },
        lease: { edge: 'local', epoch: 1 },
        author: { name: 'Ada', email: 'ada@example.org' },
      },
    });
  });

  test('renews while the evidence and the key stay the same', async () => {
    const { token, key, evidence } = await story.attested(seed);
    const runtime = await story.as('runtime');
    const renewed = await runtime.renewDispatch({ evidence }, { token, prove: prover(key, token) });
    const { iat: _i, exp: _e, jti: first, ...before } = claimsOf(token);
    const { iat: _j, exp: _f, jti: second, ...after } = claimsOf(renewed.token);
    expect(after).toEqual(before);
    expect(second).not.toBe(first);
  });
});

describe('a launch authorised with its first attempt', () => {
  const authorize = async (epoch: bigint) => {
    const scheduler = await story.as('scheduler');
    const unit = story.unit(seed);
    const dispatch = newId('dispatch', systemClock.now());
    const attempt = { dispatch, edge: 'local', epoch };
    const { intent } = await scheduler.authorizeLaunch({ unit, attempt }, { token: await story.session(seed) });
    return { unit: create(UnitSchema, { ...unit, dispatch }), intent };
  };

  test('gives the token that minting would have given', async () => {
    const { unit, intent } = await authorize(1n);
    expect(claimsOf(intent)).toMatchObject({
      aud: 'sallyport:runtime',
      sub: seed.principal,
      txn: unit.run,
      dsp: { id: unit.dispatch, h: hashOf(unit) },
      lease: { edge: 'local', epoch: 1 },
    });
    const { token } = await exchange(intent);
    expect(claimsOf(token)).toMatchObject({ txn: unit.run });
  });

  test('has that token voided by the next epoch', async () => {
    const { unit, intent } = await authorize(1n);
    await expect(story.intent(unit)).rejects.toMatchObject({ reason: 'identity.epoch_stale' });
    const second = await story.intent(unit, 2n);
    await expect(exchange(intent)).rejects.toMatchObject({
      code: expect.stringMatching(/unauthenticated|failed_precondition/),
    });
    await expect(exchange(second)).resolves.toMatchObject({ token: expect.any(String) });
  });

  test.each([0n, 2n])('begins at epoch 1, not %s', async (epoch) => {
    await expect(authorize(epoch)).rejects.toMatchObject({ code: 'invalid_argument', reason: 'identity.argument' });
  });
});

describe('the exchange of an intent', () => {
  test('answers one of fifty racing calls', async () => {
    const unit = await story.authorized(seed);
    const token = await story.intent(unit);
    const runtime = await story.as('runtime');
    const keys = await Promise.all(Array.from({ length: 50 }, () => ProofKey.generate()));
    const answers = await Promise.allSettled(
      keys.map((key) => runtime.exchangeIntent({ evidence: someEvidence(), proofJwk: key.publicJwk }, { token })),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.reason] : []));
    expect(new Set(reasons)).toEqual(new Set(['identity.intent_used']));
    const bound = await story.database.store.tx('acme', (db) =>
      db.query('SELECT 1 FROM attestation WHERE dispatch = $1', [unit.dispatch]),
    );
    expect(bound).toHaveLength(1);
  });

  test.each(['api', 'scheduler', 'workspace', 'egress', 'audit', 'operator'] as const)(
    'is refused to %s',
    async (caller) => {
      const unit = await story.authorized(seed);
      const token = await story.intent(unit);
      const client = await story.as(caller);
      const key = await ProofKey.generate();
      const refused = client.exchangeIntent({ evidence: someEvidence(), proofJwk: key.publicJwk }, { token });
      await expect(refused).rejects.toMatchObject({ code: 'permission_denied', reason: 'bus.caller' });
    },
  );

  test('refuses evidence that no substrate gives', async () => {
    const unit = await story.authorized(seed);
    const token = await story.intent(unit);
    const runtime = await story.as('runtime');
    const { publicJwk: proofJwk } = await ProofKey.generate();
    for (const change of [
      { format: 'wish' },
      { pid: 1n },
      { pid: -4n },
      { startTime: 0n },
      { namespaces: { mnt: 1n } },
      { rootfsHash: '' },
      { mountsHash: 'B'.repeat(64) },
      { boot: '' },
      { uid: -1n },
    ]) {
      const refused = runtime.exchangeIntent({ evidence: { ...someEvidence(), ...change }, proofJwk }, { token });
      await expect(refused).rejects.toMatchObject({ code: 'invalid_argument', reason: 'identity.evidence_invalid' });
    }
    await expect(runtime.exchangeIntent({ proofJwk }, { token })).rejects.toMatchObject({
      reason: 'identity.argument',
    });
  });

  test('refuses proof keys that are not a bare public P-256 key', async () => {
    const token = await story.intent(await story.authorized(seed));
    const runtime = await story.as('runtime');
    const key = await ProofKey.generate();
    const bad = ['', '{', '[]', '{"kty":"EC"}', key.export(), '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}'];
    for (const proofJwk of bad) {
      const refused = runtime.exchangeIntent({ evidence: someEvidence(), proofJwk }, { token });
      await expect(refused).rejects.toMatchObject({ code: 'invalid_argument', reason: 'identity.proof_key_invalid' });
    }
  });

  test('refuses a proof key or a process that is bound already', async () => {
    const { key, evidence } = await story.attested(seed);
    const runtime = await story.as('runtime');
    const token = await story.intent(await story.authorized(seed));
    const sameKey = runtime.exchangeIntent({ evidence: someEvidence(), proofJwk: key.publicJwk }, { token });
    await expect(sameKey).rejects.toMatchObject({ code: 'already_exists', reason: 'identity.proof_key_seen' });
    const { publicJwk: proofJwk } = await ProofKey.generate();
    const sameProcess = runtime.exchangeIntent({ evidence, proofJwk }, { token });
    await expect(sameProcess).rejects.toMatchObject({ code: 'already_exists', reason: 'identity.process_bound' });
  });

  test('refuses the intent of a lower epoch and revokes what it was exchanged for', async () => {
    const first = await story.attested(seed);
    const unit = await story.authorized(seed);
    const stale = await story.intent(unit, 1n);
    const fresh = await story.intent(unit, 2n);
    const runtime = await story.as('runtime');
    const { publicJwk: proofJwk } = await ProofKey.generate();
    const refused = runtime.exchangeIntent({ evidence: someEvidence(), proofJwk }, { token: stale });
    await expect(refused).rejects.toMatchObject({
      reason: expect.stringMatching(/^(identity\.epoch_stale|token\.revoked)$/),
    });
    await runtime.exchangeIntent({ evidence: someEvidence(), proofJwk }, { token: fresh });
    await story.intent(first.unit, 2n);
    const old = runtime.renewDispatch(
      { evidence: first.evidence },
      { token: first.token, prove: prover(first.key, first.token) },
    );
    await expect(old).rejects.toMatchObject({
      reason: expect.stringMatching(/^(identity\.epoch_stale|token\.revoked)$/),
    });
  });
});

describe('renewal', () => {
  test.each([
    ['a reused pid', { startTime: 9_999n }, 'startTime'],
    ['another process', { pid: 77_777n }, 'pid'],
    [
      'another network namespace',
      { namespaces: { mnt: 1n, net: 99n, pid: 3n, ipc: 4n, uts: 5n, user: 6n, cgroup: 7n } },
      'namespaces',
    ],
    ['another boot', { boot: 'boot-2' }, 'boot'],
    ['other mounts', { mountsHash: 'c'.repeat(64) }, 'mountsHash'],
    ['another root', { rootfsHash: 'c'.repeat(64) }, 'rootfsHash'],
    ['another user', { uid: 0n }, 'uid'],
  ])('refuses %s', async (_what, change, changed) => {
    const { token, key, evidence } = await story.attested(seed);
    const runtime = await story.as('runtime');
    const refused = runtime.renewDispatch(
      { evidence: { ...evidence, ...change } },
      { token, prove: prover(key, token) },
    );
    await expect(refused).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'identity.evidence_changed',
      detail: { changed },
    });
  });

  test('refuses a stolen token without its key', async () => {
    const { token, evidence } = await story.attested(seed);
    const runtime = await story.as('runtime');
    const thief = await ProofKey.generate();
    await expect(runtime.renewDispatch({ evidence }, { token })).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'proof.missing',
    });
    const wrongKey = runtime.renewDispatch({ evidence }, { token, prove: prover(thief, token) });
    await expect(wrongKey).rejects.toMatchObject({ code: 'unauthenticated', reason: 'proof.key' });
  });

  test('ends with the launch', async () => {
    const { token, key, evidence, unit } = await story.attested(seed);
    const [runtime, scheduler] = await Promise.all([story.as('runtime'), story.as('scheduler')]);
    await scheduler.endLaunch({ org: 'acme', run: unit.run });
    await scheduler.endLaunch({ org: 'acme', run: unit.run });
    const refused = runtime.renewDispatch({ evidence }, { token, prove: prover(key, token) });
    await expect(refused).rejects.toMatchObject({
      reason: expect.stringMatching(/^(identity\.launch_ended|token\.revoked)$/),
    });
    await expect(story.intent(unit, 2n)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'identity.launch_ended',
    });
  });
});
