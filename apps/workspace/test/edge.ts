/** The edge's own mount code against the hosted service. */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { CallOptions } from '@sallyport/bus/handlers';
import { MountMode, MountSchema } from '@sallyport/contracts/unit/v1/unit';
import type { DispatchClaims } from '@sallyport/core/claims';
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

let made = 0;

/** A workspace of its own per test, with a dispatch that may write it. */
export async function aWorkspace(
  world: WorkspaceWorld,
  files: Record<string, string> = { 'a.txt': 'one\n', 'src/b.txt': 'two\n', 'src/deep/c.txt': 'three\n' },
) {
  made += 1;
  const name = `ws-${made}`;
  const session = await world.session();
  const content = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
  const { workspace } = await world.api.createWorkspace({ name, files: content }, session);
  const dispatch = (run = 'run_1', epoch = 1, mode: 'ro' | 'rw' = 'rw', id = `dsp_${run}_${epoch}`) => {
    const tctx = { wsp: [{ id: name, mode }], lease: { edge: 'local', epoch }, dsp: { id, h: '0'.repeat(64) } };
    return world.dispatch({ txn: run }, tctx satisfies Partial<DispatchClaims['tctx']>);
  };
  return { name, session, head: workspace?.head ?? '', dispatch };
}
