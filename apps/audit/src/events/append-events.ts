/** Makes events of one producer durable. A refused request stores nothing; that a service spoke out of turn is itself recorded. */

import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { brokenField } from '@sallyport/audit-verify/event';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import type { Caller } from '@sallyport/core/access';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { auditEvent, type EventInit } from '@sallyport/service/audit';
import { batchTooLarge } from '../faults.ts';
import { Logs } from '../log/logs.ts';
import { type AdmittedEvent, admitEvent } from './admit-event.ts';

/** Events in one request at most. */
export const requestEvents = 1_000;

@Injectable()
export class AppendEvents {
  constructor(
    private readonly logs: Logs,
    private readonly clock: Clock,
  ) {}

  async execute(caller: Caller, said: readonly Event[]): Promise<void> {
    if (said.length > requestEvents) throw batchTooLarge(said.length, requestEvents);
    const byOrg = new Map<string, AdmittedEvent[]>();
    for (const [index, event] of said.entries()) {
      const admitted = await this.#admit(event, caller, index);
      const own = byOrg.get(admitted.event.org);
      if (own === undefined) byOrg.set(admitted.event.org, [admitted]);
      else own.push(admitted);
    }
    const results = await Promise.allSettled([...byOrg].map(([org, events]) => this.logs.of(org).append(events)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Appends an event of audit's own. */
  async record(init: EventInit): Promise<void> {
    await this.execute('audit', [auditEvent(init, this.clock)]);
  }

  async #admit(event: Event, caller: Caller, index: number): Promise<AdmittedEvent> {
    try {
      return admitEvent(event, caller, index);
    } catch (thrown) {
      const fault = Fault.from(thrown);
      if (fault.code === 'permission_denied') await this.#recordDenial(event, caller, fault.reason);
      throw fault;
    }
  }

  async #recordDenial(event: Event, caller: Caller, reason: string): Promise<void> {
    const { org, kind } = event;
    const init: EventInit = {
      kind: 'log.denied',
      org,
      outcome: 'deny',
      reason,
      resource: `log/${org}`,
      facts: { caller, kind },
    };
    const denial = create(EventSchema, auditEvent(init, this.clock));
    // An event with no org of a proper form has no log that its denial could stand in.
    if (brokenField(denial) === undefined) await this.record(init);
  }
}
