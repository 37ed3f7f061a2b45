/** Puts refused webhook requests on record. Anybody can send them, so all of them together count as one sender. */

import { Injectable } from '@nestjs/common';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import { Clock } from '@sallyport/core/clock';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { RefusalBudget } from '../refusal-budget.ts';
import type { Webhook } from './webhook.ts';

const anybody = '';

@Injectable()
export class WebhookRefusals {
  readonly #budget: RefusalBudget;

  constructor(
    private readonly audit: AuditClient,
    clock: Clock,
    private readonly log: Log,
  ) {
    this.#budget = new RefusalBudget(clock);
  }

  /** Never throws and never waits. What named no webhook is in the installation's own log: no org can be held to it. */
  tell(webhook: Webhook | undefined, reason: string): void {
    const facts = this.#budget.take(anybody);
    if (facts === undefined) return;
    const place =
      webhook === undefined
        ? { org: deploymentLog }
        : {
            org: webhook.org,
            environment: webhook.environment,
            subject: webhook.id,
            resource: `webhook/${webhook.name}`,
          };
    this.audit
      .append([{ kind: 'event.refused', ...place, outcome: 'deny', reason, facts }])
      .catch((error: unknown) => this.log.error({ error }, 'a refused webhook request could not be recorded'));
  }
}
