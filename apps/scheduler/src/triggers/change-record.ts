/** What the audit log says about a change of a trigger. */

import type { SessionClaims } from '@sallyport/core/claims';
import type { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import type { OutboxRow } from '@sallyport/store/outbox';
import type { Trigger } from './trigger.ts';

export type TriggerChange = 'applied' | 'paused' | 'resumed' | 'removed';

/** The event of a change, to commit with it. */
export const changeRow = (trigger: Trigger, change: TriggerChange, claims: SessionClaims, clock: Clock): OutboxRow =>
  auditRow(
    {
      kind: trigger.kind === 'schedule' ? 'admin.schedule' : 'admin.subscription',
      org: trigger.org,
      environment: trigger.environment,
      subject: claims.sub,
      resource: `${trigger.kind}/${trigger.name}`,
      outcome: 'allow',
      hashes: { spec: trigger.specHash },
      facts: { change, id: trigger.id, version: String(trigger.version), paused: String(trigger.paused) },
    },
    clock,
  );
