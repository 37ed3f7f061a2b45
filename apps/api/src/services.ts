/** The services the front door speaks to, by their contracts. */

import { Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { AuditService } from '@sallyport/contracts/audit/v1/audit';
import { EgressService } from '@sallyport/contracts/egress/v1/egress';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { RuntimeService } from '@sallyport/contracts/runtime/v1/runtime';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { TriggerService } from '@sallyport/contracts/schedule/v1/trigger';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';

@Injectable()
export class Services {
  readonly identity: BusClient<typeof IdentityService>;
  readonly scheduler: BusClient<typeof ScheduleService>;
  /** The scheduler's other contract: what fires runs. */
  readonly triggers: BusClient<typeof TriggerService>;
  readonly workspace: BusClient<typeof WorkspaceService>;
  readonly runtime: BusClient<typeof RuntimeService>;
  readonly audit: BusClient<typeof AuditService>;
  readonly egress: BusClient<typeof EgressService>;

  constructor(bus: Bus) {
    this.identity = busClient(bus, 'identity', IdentityService);
    this.scheduler = busClient(bus, 'scheduler', ScheduleService);
    this.triggers = busClient(bus, 'scheduler', TriggerService);
    this.workspace = busClient(bus, 'workspace', WorkspaceService);
    this.runtime = busClient(bus, 'runtime', RuntimeService);
    this.audit = busClient(bus, 'audit', AuditService);
    this.egress = busClient(bus, 'egress', EgressService);
  }
}
