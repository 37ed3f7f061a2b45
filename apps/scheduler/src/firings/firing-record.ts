/** What the audit log says about a firing. */

import type { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import type { OutboxRow } from '@sallyport/store/outbox';
import type { Trigger } from '../triggers/trigger.ts';
import type { Firing } from './firing.ts';

/** The event of an outcome, to commit with it. */
export const firedRow = (
  firing: Firing,
  trigger: Pick<Trigger, 'kind' | 'name' | 'subject'>,
  clock: Clock,
): OutboxRow =>
  auditRow(
    {
      kind: 'trigger.fired',
      org: firing.org,
      environment: firing.environment,
      ...(trigger.subject === '' ? {} : { subject: trigger.subject }),
      actors: [firing.trigger],
      ...(firing.state === 'started' ? { run: firing.run } : {}),
      resource: `${trigger.kind}/${trigger.name}`,
      outcome: firing.state === 'refused' ? 'deny' : 'allow',
      ...(firing.state === 'refused' ? { reason: firing.reason } : {}),
      facts: {
        firing: firing.id,
        outcome: firing.state,
        reason: firing.reason,
        key: firing.key,
        due: new Date(firing.dueAt).toISOString(),
        ...(firing.event === '' ? {} : { event: firing.event }),
      },
    },
    clock,
  );
