/** How far this machine can limit an agent, and the profile that follows for what a new installation is seeded with. */

import { Cgroups } from '../../apps/runtime/src/backends/process/cgroups.ts';

export interface HeldLimits {
  /** Profile that a start is not refused for here. */
  readonly profile: 'default' | 'best-effort';
  /** What a person is told about it; empty where every limit holds. */
  readonly notes: readonly string[];
}

/** Looks whether control groups can be made; changes nothing. */
export async function heldLimits(usual: 'process' | 'docker'): Promise<HeldLimits> {
  // An engine that runs has control groups.
  if (usual === 'docker') return { profile: 'default', notes: [] };
  const lacking = await Cgroups.lacking();
  if (lacking === undefined) return { profile: 'default', notes: [] };
  return {
    profile: 'best-effort',
    notes: [
      `No control groups here (${lacking.cause}): the seeded roles run under the profile best-effort, which limits single processes only.`,
      `To limit whole agents start as root, with a --data folder of its own, or with: ${delegated}`,
    ],
  };
}

/** A group of the user's own, memory, processes and CPU in it. */
const delegated = 'systemd-run --user --scope -p Delegate=yes npm start';
