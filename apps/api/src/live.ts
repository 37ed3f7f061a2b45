/** What the front door hears on the bus. Who may hear it is settled before, by the service that owns the thing. */

import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { subscribe } from '@sallyport/bus/events';
import { auditEvent, runEvent, unitOut } from '@sallyport/bus/subject';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { type Run, RunEventSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';

/** One subscription; it counts once `ready` resolves. */
export interface Listening {
  readonly ready: Promise<void>;
  stop(): void;
}

@Injectable()
export class Live {
  constructor(private readonly bus: Bus) {}

  onRun(org: string, run: string, listener: (run: Run) => void): Listening {
    return subscribe(this.bus, runEvent(org, run), RunEventSchema, ({ message }) => {
      if (message.run !== undefined) listener(message.run);
    });
  }

  onOutput(org: string, dispatch: string, listener: (event: UnitEvent) => void): Listening {
    return subscribe(this.bus, unitOut(org, dispatch), UnitEventSchema, ({ message }) => listener(message));
  }

  /** Tells that the audit log of an environment has grown. */
  onAudit(org: string, environment: string, listener: () => void): Listening {
    return subscribe(this.bus, auditEvent(org, environment), EventSchema, () => listener());
  }
}
