/** What the runtime journals about a mount: plain JSON, enough to capture and release it after a restart. */

import type { Mount } from '@sallyport/contracts/unit/v1/unit';
import type { ProofTarget } from '@sallyport/core/gate';

/** The dispatch token of the workload and proofs of its key; both live on the host side of the tether only. */
export interface MountAccess {
  /** The token in force right now; asked for again on every call, so a renewed one is picked up. */
  token(): string;
  prove(target: ProofTarget): Promise<string>;
}

export interface PrepareInput {
  readonly access: MountAccess;
  readonly org: string;
  readonly mount: Mount;
  /** Existing empty directory that is already bound into the gated sandbox. */
  readonly target: string;
  /** Owner of the files when it is not this process's own user; the group is set to the same number. */
  readonly uid?: number;
}

export interface PreparedMount {
  readonly org: string;
  readonly workspace: string;
  readonly mode: 'ro' | 'rw';
  /** Commit that was checked out, 40 hex. */
  readonly commit: string;
  /** Root tree of that commit. */
  readonly tree: string;
  /** Lease of a rw mount; empty for ro. */
  readonly lease: string;
  readonly target: string;
  /** Git index with the stat data of the checkout; empty for ro. */
  readonly index: string;
}

export interface Capture {
  /** The platform's commit; empty when nothing changed. */
  readonly commit: string;
  /** Files that differ from the parent commit. */
  readonly files: number;
  /** Why a path was left out of the commit, by path; a closed word each. */
  readonly refused: Readonly<Record<string, string>>;
}
