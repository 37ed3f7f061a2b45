import { describe, expect, test } from '@jest/globals';
import { WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { newId } from '@sallyport/core/ids';
import { pageOf } from './list-workloads.ts';
import { aRecord, aUnit } from './workload.builder.ts';

const records = Array.from({ length: 5 }, (_, index) =>
  aRecord({ unit: aUnit({ dispatch: newId('dispatch', 1_000 + index) }), state: index < 2 ? 'stopped' : 'running' }),
);
const all = { states: [], owner: '', pageSize: 0, pageToken: '' };

describe('pageOf', () => {
  test('shows workloads in order of creation', () => {
    expect(pageOf(records.toReversed(), all)).toEqual({ records, next: '' });
  });

  test('goes on where the page before ended, to the end', () => {
    const first = pageOf(records, { ...all, pageSize: 2 });
    const second = pageOf(records, { ...all, pageSize: 2, pageToken: first.next });
    const third = pageOf(records, { ...all, pageSize: 2, pageToken: second.next });
    expect([...first.records, ...second.records, ...third.records]).toEqual(records);
    expect(third.next).toBe('');
  });

  test('filters by state and owner', () => {
    expect(pageOf(records, { ...all, states: [WorkloadState.STOPPED] }).records).toHaveLength(2);
    expect(pageOf(records, { ...all, owner: 'usr_9' }).records).toHaveLength(0);
    expect(pageOf(records, { ...all, owner: 'usr_1' }).records).toHaveLength(5);
  });

  test.each(['x', '../..', 'run_01'])('refuses the page token %s', (pageToken) => {
    expect(() => pageOf(records, { ...all, pageToken })).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason: 'runtime.page_token' }),
    );
  });
});
