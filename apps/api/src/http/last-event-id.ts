/** Where a reader that comes back goes on. */

import { InvalidRequest } from '../faults.ts';
import type { ApiContext } from './endpoint.ts';

/** The sequence a reader has seen last; undefined when it does not say. Throws InvalidRequest for anything that is no sequence. */
export function lastEventId(c: ApiContext): bigint | undefined {
  const header = c.req.header('last-event-id');
  if (header === undefined || header === '') return undefined;
  if (!/^\d{1,15}$/.test(header))
    throw new InvalidRequest([{ pointer: '/header/last-event-id', detail: 'must be a whole number' }]);
  return BigInt(header);
}
