import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { CreateGrantRequestSchema } from '@sallyport/contracts/identity/v1/grant';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { newId } from '@sallyport/core/ids';
import { consentOf } from './consent.ts';

type Init = Omit<MessageInitShape<typeof CreateGrantRequestSchema>, '$typeName'>;

const trigger = { kind: 'schedule', id: newId('schedule', 0), name: 'nightly', specHash: 'a'.repeat(64) };
const consent = (change: Init) =>
  consentOf(
    create(CreateGrantRequestSchema, { trigger, ...change } as MessageInitShape<typeof CreateGrantRequestSchema>),
  );
const days = 24 * 60 * 60;

describe('consent', () => {
  test('is to 10,000 runs, 1,000 a day and 90 days when it does not say', () => {
    expect(consent({})).toMatchObject({ maxRuns: 10_000, maxPerDay: 1_000, ttlSeconds: 90 * days, mounts: [] });
  });

  test('keeps what it says, up to 90 days', () => {
    const terms = { maxRuns: 100n, maxPerDay: 2n, ttlSeconds: 60n };
    expect(consent({ terms })).toMatchObject({ maxRuns: 100, maxPerDay: 2, ttlSeconds: 60 });
    expect(consent({ terms: { ttlSeconds: 91n * 86_400n } })).toMatchObject({ ttlSeconds: 90 * days });
  });

  test.each<[string, Init, string]>([
    ['no trigger', { trigger: undefined as never }, 'trigger.kind'],
    ['a trigger of another kind', { trigger: { ...trigger, kind: 'webhook' } }, 'trigger.kind'],
    ['the id of another kind', { trigger: { ...trigger, id: newId('subscription', 0) } }, 'trigger.id'],
    ['no name', { trigger: { ...trigger, name: '' } }, 'trigger.name'],
    ['a hash in capitals', { trigger: { ...trigger, specHash: 'A'.repeat(64) } }, 'trigger.spec_hash'],
    ['a hash that is short', { trigger: { ...trigger, specHash: 'a'.repeat(63) } }, 'trigger.spec_hash'],
    ['fewer runs than none', { terms: { maxRuns: -1n } }, 'terms.max_runs'],
    ['more runs than can be counted', { terms: { maxPerDay: 2n ** 62n } }, 'terms.max_per_day'],
    ['a life that is over', { terms: { ttlSeconds: -1n } }, 'terms.ttl_seconds'],
    ['a mount without a mode', { mounts: [{ workspace: 'demo' }] }, 'mounts'],
    ['a path for a workspace', { mounts: [{ workspace: '../x', mode: MountMode.RO }] }, 'mounts'],
    [
      'one workspace twice',
      { mounts: [MountMode.RO, MountMode.RW].map((mode) => ({ workspace: 'demo', mode })) },
      'mounts',
    ],
    [
      'too many mounts',
      { mounts: Array.from({ length: 65 }, (_, at) => ({ workspace: `w${at}`, mode: MountMode.RO })) },
      'mounts',
    ],
  ])('is refused for %s', (_what, change, field) => {
    expect(() => consent(change)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason: 'identity.argument', detail: { field } }),
    );
  });
});
