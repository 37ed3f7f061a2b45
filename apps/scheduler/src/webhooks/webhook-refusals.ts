/**
 * Puts refused webhook requests on record. Anybody can send them, so a flood of forgeries must not become a flood of records: beyond a burst
 * they are counted, and the next record tells how many were not made.
 */

import { Injectable } from '@nestjs/common';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import { Clock } from '@sallyport/core/clock';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import type { Webhook } from './webhook.ts';

const burst = 50;
const perSecond = 5;

@Injectable()
export class WebhookRefusals {
  #room = burst;
  #filledAt: number;
  #unrecorded = 0;

  constructor(
    private readonly audit: AuditClient,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#filledAt = clock.monotonic();
  }

  /** Never throws and never waits. What named no webhook is in the installation's own log: no org can be held to it. */
  tell(webhook: Webhook | undefined, reason: string): void {
    if (!this.#take()) {
      this.#unrecorded += 1;
      return;
    }
    const facts = this.#unrecorded === 0 ? {} : { unrecorded: String(this.#unrecorded) };
    this.#unrecorded = 0;
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

  #take(): boolean {
    const now = this.clock.monotonic();
    this.#room = Math.min(burst, this.#room + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#room < 1) return false;
    this.#room -= 1;
    return true;
  }
}
