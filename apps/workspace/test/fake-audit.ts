/** Stands for audit: takes what the service must have recorded before it acts, or refuses to. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Bus } from '@sallyport/bus/connection';
import { rpcListen } from '@sallyport/bus/subject';
import { encodeFault } from '@sallyport/bus/wire';
import { AppendRequestSchema, AppendResponseSchema, type Event } from '@sallyport/contracts/audit/v1/audit';
import { Fault } from '@sallyport/core/fault';

export class FakeAudit {
  readonly events: Event[] = [];
  /** Set to have every append fail. */
  down = false;

  static async serve(bus: Bus): Promise<FakeAudit> {
    const audit = new FakeAudit();
    bus.nats.subscribe(rpcListen('audit'), {
      callback: (_error, message) => {
        if (audit.down) {
          const reply = encodeFault(new Fault('unavailable', 'audit.unavailable', 'the test took audit away'));
          message.respond(reply.body, { headers: reply.headers });
          return;
        }
        audit.events.push(...fromBinary(AppendRequestSchema, message.data).events);
        message.respond(toBinary(AppendResponseSchema, create(AppendResponseSchema)));
      },
    });
    await bus.nats.flush();
    return audit;
  }
}
