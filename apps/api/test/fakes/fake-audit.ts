/** The audit log as the API sees it: a growing list told of on the bus. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { auditEvent } from '@sallyport/bus/subject';
import { AuditService, type Event, EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { uuid7 } from '@sallyport/core/ids';
import { demand, FakeService } from './fake-service.ts';

export class FakeAudit {
  readonly events: Event[] = [];
  bundle = Buffer.from('a tar archive');
  service!: FakeService<typeof AuditService>;
  private bus!: Bus;

  async serve(bus: Bus): Promise<this> {
    this.bus = bus;
    this.service = await FakeService.serve(bus, AuditService, {
      query: async ({ fromSeq, environment, run, kinds, pageSize }, call) => {
        const { org } = demand(call, 'audit');
        const wanted = (event: Event): boolean =>
          event.org === org &&
          (environment === '' || event.environment === environment) &&
          (run === '' || event.run === run) &&
          (kinds.length === 0 || kinds.includes(event.kind));
        const limit = pageSize === 0 ? 200 : pageSize;
        const page = this.events.filter((event) => event.seq >= fromSeq && wanted(event)).slice(0, limit);
        const end = page.length < limit;
        const nextSeq = end ? BigInt(this.events.length) : (page.at(-1)?.seq ?? fromSeq) + 1n;
        return { events: page, nextSeq: nextSeq < fromSeq ? fromSeq : nextSeq, end };
      },
      getCheckpoint: async (_, call) => {
        demand(call, 'audit');
        return {
          checkpoint: {
            origin: 'sallyport/acme',
            size: BigInt(this.events.length),
            root: 'f'.repeat(64),
            note: 'note',
          },
          verifierKey: 'key',
        };
      },
      openExport: async (_, call) => {
        demand(call, 'audit');
        return { export: 'exp_1' };
      },
      readExport: async () => ({ data: this.bundle, end: true }),
    });
    return this;
  }

  append(init: MessageInitShape<typeof EventSchema>): void {
    const event = create(EventSchema, {
      id: uuid7(Date.now()),
      time: new Date().toISOString().replace('Z', '000Z'),
      org: 'acme',
      environment: 'main',
      producer: 'scheduler',
      outcome: Outcome.ALLOW,
      ...init,
      seq: BigInt(this.events.length),
    } as MessageInitShape<typeof EventSchema>);
    this.events.push(event);
    publish(this.bus, auditEvent(event.org, event.environment), EventSchema, event);
  }
}
