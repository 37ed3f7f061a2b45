/** The services the scheduler calls. */

import { Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { RuntimeService } from '@sallyport/contracts/runtime/v1/runtime';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';

@Injectable()
export class Peers {
  readonly identity: BusClient<typeof IdentityService>;
  readonly runtime: BusClient<typeof RuntimeService>;
  readonly workspace: BusClient<typeof WorkspaceService>;

  constructor(bus: Bus) {
    this.identity = busClient(bus, 'identity', IdentityService);
    this.runtime = busClient(bus, 'runtime', RuntimeService);
    this.workspace = busClient(bus, 'workspace', WorkspaceService);
  }
}
