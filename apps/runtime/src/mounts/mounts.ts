/** Workspaces as directories of one edge: checked out before the gate opens, captured after the sandbox is dead. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { busClient } from '@sallyport/bus/client';
import type { Bus } from '@sallyport/bus/connection';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import type { Clock } from '@sallyport/core/clock';
import { type CaptureLimits, defaultCaptureLimits } from './capture-limits.ts';
import { captureTree } from './capture-tree.ts';
import { checkOut } from './checkout.ts';
import { PackCache } from './pack-cache.ts';
import { patiently } from './patiently.ts';
import type { Capture, MountAccess, PreparedMount, PrepareInput } from './prepared-mount.ts';
import { sendPack } from './send-pack.ts';

export interface MountDeps {
  readonly bus: Bus;
  /** Cache of this edge: packs, indexes, packs under way. Plaintext; 0700. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: { warn(fields: Record<string, unknown>, message: string): void };
  readonly limits?: CaptureLimits;
}

/** Prepares, captures and releases mounts with the workload's own token; keeps no authority of its own. */
export class Mounts {
  readonly #deps: MountDeps;
  readonly #client;
  readonly #cache: PackCache;

  constructor(deps: MountDeps) {
    this.#deps = deps;
    this.#client = busClient(deps.bus, 'workspace', WorkspaceService);
    this.#cache = new PackCache(join(deps.directory, 'workspaces'), this.#client);
  }

  /**
   * Puts the workspace's files into the target directory. Safe to repeat for the same dispatch: the lease is the same one and the
   * files are written again.
   *
   * @throws Fault of the workspace service (`workspace.busy`, `workspace.mount_refused`, ...) or `runtime.mount_checkout`.
   */
  async prepare(input: PrepareInput): Promise<PreparedMount> {
    const { access, org, mount, target } = input;
    const { granted, gitDir } = await patiently(async () => {
      const answer = await this.#client.prepareMount({ mount }, callOf(access));
      return { granted: answer, gitDir: await this.#cache.fill(org, mount.workspace, answer.packs, callOf(access)) };
    });
    const rw = mount.mode === MountMode.RW;
    const index = join(this.#deps.directory, 'mounts', `${rw ? granted.lease : crypto.randomUUID()}.index`);
    await checkOut({ gitDir, tree: granted.tree, target, index, uid: input.uid });
    if (!rw) await rm(index, { force: true });
    return {
      org,
      workspace: mount.workspace,
      mode: rw ? 'rw' : 'ro',
      commit: granted.commit,
      tree: granted.tree,
      lease: granted.lease,
      target,
      index: rw ? index : '',
    };
  }

  /**
   * Commits what a dead sandbox left in a rw mount. Nothing of the workspace is executed, no symlink is followed, and what git
   * must not store is left out and named in `refused`. Safe to repeat: an unchanged head answers the same commit.
   */
  async capture(prepared: PreparedMount, access: MountAccess): Promise<Capture> {
    if (prepared.mode === 'ro') return { commit: '', files: 0, refused: {} };
    const { clock, log } = this.#deps;
    const pack = `${prepared.index}.pack`;
    const captured = await captureTree({
      target: prepared.target,
      index: prepared.index,
      pack,
      tree: prepared.tree,
      limits: this.#deps.limits ?? defaultCaptureLimits,
      monotonic: () => clock.monotonic(),
    });
    try {
      const refusals = Object.keys(captured.refused).length;
      if (refusals > 0)
        log.warn({ workspace: prepared.workspace, refused: refusals }, 'paths were left out of the commit');
      const { workspace, lease } = prepared;
      const answer = await patiently(async () => {
        const upload = captured.objects === 0 ? '' : await sendPack(this.#client, workspace, captured, callOf(access));
        return await this.#client.commitMount(
          { workspace, lease, tree: captured.tree, upload },
          callOf(access, 60_000),
        );
      });
      return { commit: answer.commit, files: answer.files, refused: captured.refused };
    } finally {
      await rm(pack, { force: true });
    }
  }

  /** Ends the lease and forgets the checkout's records; the directory itself is the caller's to remove. */
  async release(prepared: PreparedMount, access: MountAccess): Promise<void> {
    const { workspace, lease, index } = prepared;
    if (lease !== '') await patiently(() => this.#client.releaseMount({ workspace, lease }, callOf(access)));
    if (index !== '') await rm(index, { force: true });
  }
}

const callOf = (access: MountAccess, timeoutMs = 30_000) => ({
  token: access.token(),
  prove: (target: { method: string; uri: string }) => access.prove(target),
  timeoutMs,
});
