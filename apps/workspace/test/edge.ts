/** The edge's own mount code against the hosted service. */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { CallOptions } from '@sallyport/bus/handlers';
import { MountMode, MountSchema } from '@sallyport/contracts/unit/v1/unit';
import { systemClock } from '@sallyport/core/clock';
import { Mounts } from '../../runtime/src/mounts/mounts.ts';
import type { MountAccess, PreparedMount } from '../../runtime/src/mounts/prepared-mount.ts';
import type { WorkspaceWorld } from './workspace-world.ts';

export class Edge {
  readonly mounts: Mounts;
  readonly #world: WorkspaceWorld;

  private constructor(world: WorkspaceWorld, mounts: Mounts) {
    this.#world = world;
    this.mounts = mounts;
  }

  static async start(world: WorkspaceWorld, name = 'edge'): Promise<Edge> {
    const directory = world.path(name);
    mkdirSync(directory, { recursive: true });
    const log = { warn: () => undefined };
    return new Edge(world, new Mounts({ bus: await world.bus.connect('runtime'), directory, clock: systemClock, log }));
  }

  /** A fresh directory with a workspace in it. */
  prepare(call: CallOptions, workspace: string, mode: 'ro' | 'rw'): Promise<PreparedMount> {
    const target = mkdtempSync(join(this.#world.directory, `${workspace}-`));
    const mount = create(MountSchema, { workspace, mode: mode === 'rw' ? MountMode.RW : MountMode.RO });
    return this.mounts.prepare({ access: accessOf(call), org: 'acme', mount, target });
  }
}

export const accessOf = (call: CallOptions): MountAccess => ({
  token: () => call.token ?? '',
  prove: (target) => call.prove?.(target) ?? Promise.resolve(''),
});
