/** A page of workloads in order of creation. Pure; asks no substrate. */

import type { ListWorkloadsRequest } from '@sallyport/contracts/runtime/v1/runtime';
import { isId } from '@sallyport/core/ids';
import { badPage } from '../faults.ts';
import { ownerOf, type WorkloadRecord, wireStates } from './workload.ts';

const usualPage = 50;
const largestPage = 200;

type Filter = Pick<ListWorkloadsRequest, 'states' | 'owner' | 'pageSize' | 'pageToken'>;

export interface Page {
  readonly records: readonly WorkloadRecord[];
  /** Empty on the last page. */
  readonly next: string;
}

/** The token is the id of the last workload shown: ids sort by time of creation. */
export function pageOf(all: readonly WorkloadRecord[], { states, owner, pageSize, pageToken }: Filter): Page {
  if (pageToken !== '' && !isId('dispatch', pageToken)) throw badPage();
  const size = Math.min(largestPage, pageSize > 0 ? pageSize : usualPage);
  const matching = all
    .filter((record) => states.length === 0 || states.includes(wireStates[record.state]))
    .filter((record) => owner === '' || ownerOf(record) === owner)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .filter(({ id }) => id > pageToken);
  const records = matching.slice(0, size);
  return { records, next: matching.length > size ? (records.at(-1)?.id ?? '') : '' };
}
