/** Stands for workspace: hears which runs are over. */

import type { Bus } from '@sallyport/bus/connection';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import { fakePeer } from '@sallyport/testkit/fake-peer';

export class FakeWorkspace {
  readonly released: string[] = [];

  async serve(bus: Bus): Promise<void> {
    await fakePeer(bus, WorkspaceService, {
      releaseRun: async ({ run }) => {
        this.released.push(run);
        return {};
      },
    });
  }
}
