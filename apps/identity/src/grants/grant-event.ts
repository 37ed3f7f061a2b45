/** Grants as the log tells of them. */

import type { Clock } from '@sallyport/core/clock';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import type { OutboxRow } from '@sallyport/store/outbox';
import type { Grant } from './grant.ts';

type What = Pick<EventInit, 'kind' | 'outcome' | 'reason' | 'facts' | 'hashes' | 'actors' | 'run'>;

/** An event about a grant, on behalf of the person who gave it. */
export function grantEvent(
  grant: Pick<Grant, 'id' | 'org' | 'environment' | 'subject' | 'trigger_kind' | 'trigger_id'>,
  { facts, ...what }: What,
  clock: Clock,
): OutboxRow {
  const { org, environment, subject, id } = grant;
  const named = { trigger: `${grant.trigger_kind}/${grant.trigger_id}`, ...facts };
  return auditRow({ org, environment, subject, resource: `grant/${id}`, ...what, facts: named }, clock);
}
