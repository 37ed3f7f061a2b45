import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { RuntimeEventSchema } from '@sallyport/contracts/runtime/v1/runtime';
import { aRecord, aUnit } from './workload.builder.ts';
import type { WorkloadState } from './workload.machine.ts';
import { WorkloadBook } from './workload-book.ts';

const of = (org: string, subject: string, state: WorkloadState = 'starting') => {
  const identity = { ...aUnit().identity, org, subject } as NonNullable<ReturnType<typeof aUnit>['identity']>;
  return aRecord({ unit: aUnit({ identity }), state });
};

describe('WorkloadBook', () => {
  test('of twice as many racing admissions as there is room, admits exactly the room', async () => {
    const book = new WorkloadBook({ capacity: 1_000, ownerQuota: 25 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, async () => {
        await Promise.resolve();
        book.admit(of('acme', 'usr_1'));
      }),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(outcomes).toHaveLength(50);
    expect(refused).toHaveLength(25);
    expect(refused[0]?.reason).toMatchObject({ code: 'resource_exhausted', reason: 'runtime.quota_exceeded' });
    expect(book.running()).toHaveLength(25);
  });

  test('charges only the owner', () => {
    const book = new WorkloadBook({ capacity: 10, ownerQuota: 1 });
    book.admit(of('acme', 'usr_1'));
    book.admit(of('acme', 'usr_2'));
    book.admit(of('other', 'usr_1'));
    expect(book.running()).toHaveLength(3);
  });

  test.each(['stopped', 'destroyed'] as const)('a %s workload takes no room', (state) => {
    const book = new WorkloadBook({ capacity: 1, ownerQuota: 1 });
    book.restore(of('acme', 'usr_1', state));
    expect(() => book.admit(of('acme', 'usr_1'))).not.toThrow();
  });

  test('a quota of zero means none', () => {
    const book = new WorkloadBook({ capacity: 10, ownerQuota: 0 });
    expect(() => book.admit(of('acme', 'usr_1'))).toThrow(
      expect.objectContaining({ reason: 'runtime.quota_exceeded' }),
    );
  });

  test('refuses what the edge has no room for, whoever asks', () => {
    const book = new WorkloadBook({ capacity: 1, ownerQuota: 5 });
    book.admit(of('acme', 'usr_1'));
    expect(() => book.admit(of('acme', 'usr_2'))).toThrow(expect.objectContaining({ reason: 'runtime.edge_full' }));
  });

  test('holds the lease of an end the scheduler has not heard of', () => {
    const book = new WorkloadBook({ capacity: 1, ownerQuota: 1 });
    const [told, untold] = [of('acme', 'usr_1', 'stopped'), of('acme', 'usr_1', 'stopped')];
    const event = create(RuntimeEventSchema, {});
    told.unsent.push({ event, audited: false, reported: true });
    untold.unsent.push({ event, audited: true, reported: false });
    book.restore(told);
    book.restore(untold);
    expect(book.held()).toEqual([untold]);
  });

  test('does not know what it was not told', () => {
    const book = new WorkloadBook({ capacity: 1, ownerQuota: 1 });
    expect(() => book.get('dsp_x')).toThrow(
      expect.objectContaining({ code: 'not_found', reason: 'runtime.workload_unknown' }),
    );
  });
});
