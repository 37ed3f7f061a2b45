import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { MountMode, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import type { SessionClaims } from '@sallyport/core/claims';
import { newId } from '@sallyport/core/ids';
import { attemptlessHash, checkSessionOwns, envelopeHash, launchFacts } from './launch-facts.ts';

const identity = { org: 'acme', environment: 'main', subject: 'usr_1', launcher: 'usr_1' };

const actor = { sub: 'usr_1', sub_profile: 'user' } as const;

const aUnit = (change: Partial<Unit> = {}): Unit =>
  Object.assign(
    create(UnitSchema, { run: newId('run', 0), identity, mounts: [{ workspace: 'demo', mode: MountMode.RW }] }),
    change,
  );

const mounts = (...entries: [string, MountMode][]) =>
  create(UnitSchema, { mounts: entries.map(([workspace, mode]) => ({ workspace, mode })) }).mounts;

describe('the hashes of a unit', () => {
  test('differ by dispatch id for the envelope only', () => {
    const unit = aUnit();
    const other = { ...unit, dispatch: 'dsp_2' };
    expect(attemptlessHash(other)).toBe(attemptlessHash(unit));
    expect(envelopeHash(other)).not.toBe(envelopeHash(unit));
  });

  test.each<[string, Partial<Unit>]>([
    ['persona', { persona: 'x' }],
    ['argv', { argv: ['sh'] }],
    ['tools', { tools: ['bash'] }],
    ['profile', { profile: 'big' }],
    ['mount mode', { mounts: mounts(['demo', MountMode.RO]) }],
    ['parent', { parent: 'run_2' }],
  ])('change with its %s', (_what, change) => {
    const unit = aUnit();
    expect(attemptlessHash({ ...unit, ...change })).not.toBe(attemptlessHash(unit));
  });
});

describe('the facts of a unit', () => {
  test('are refused for a run id of the wrong form', () => {
    for (const run of ['', 'run_1', 'dsp_00000000000000000000000000']) {
      expect(() => launchFacts(aUnit({ run }), actor)).toThrow(
        expect.objectContaining({ detail: { field: 'unit.run' } }),
      );
    }
  });

  test.each([
    ['a repeated workspace', mounts(['demo', MountMode.RW], ['demo', MountMode.RO])],
    ['two rw mounts of one workspace', mounts(['demo', MountMode.RW], ['demo', MountMode.RW])],
    ['no mode', mounts(['demo', MountMode.UNSPECIFIED])],
    ['a mode of tomorrow', mounts(['demo', 9 as MountMode])],
    ['a path for a name', mounts(['../etc', MountMode.RO])],
  ])('are refused for %s', (_what, wrong) => {
    const refused = expect.objectContaining({ reason: 'identity.argument', detail: { field: 'unit.mounts' } });
    expect(() => launchFacts(aUnit({ mounts: wrong }), actor)).toThrow(refused);
  });
});

describe('a session', () => {
  const session = { org: 'acme', env: 'main', sub: 'usr_1' } as SessionClaims;

  test('launches for itself where it is', () => {
    expect(() => checkSessionOwns(session, aUnit())).not.toThrow();
  });

  test.each(['org', 'environment', 'subject', 'launcher'])('does not launch with another %s', (field) => {
    const unit = create(UnitSchema, { identity: { ...identity, [field]: 'other' } });
    const refused = expect.objectContaining({
      code: 'permission_denied',
      reason: 'identity.identity_mismatch',
      detail: { field },
    });
    expect(() => checkSessionOwns(session, unit)).toThrow(refused);
  });

  test('does not launch a unit that says nothing of whose it is', () => {
    expect(() => checkSessionOwns(session, create(UnitSchema))).toThrow(
      expect.objectContaining({ reason: 'identity.identity_mismatch' }),
    );
  });
});
