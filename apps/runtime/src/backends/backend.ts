/**
 * The port between a runtime and the substrate its workloads run on.
 *
 * A backend knows sandboxes and nothing of tokens, runs or journals. What it says of a sandbox comes from the substrate and
 * never from the agent. It keeps no state that a restart loses: a `Handle` is plain JSON, and whoever has journalled one can
 * carry on with it from another process.
 */

import type { Evidence } from '@sallyport/contracts/runtime/v1/evidence';
import type { Profile, ResolvedLimits } from '../profiles/profiles.ts';

/** One workspace as a folder of the host, made visible at `/workspace/<name>`. */
export interface SandboxMount {
  readonly name: string;
  /** Absolute path of a folder below one of the backend's own roots; never a caller's word. */
  readonly source: string;
  readonly mode: 'ro' | 'rw';
}

/** Everything a sandbox is made of. */
export interface SandboxSpec {
  /** Id of the workload. */
  readonly id: string;
  /** Folder of this workload on the host, mode 0700; the backend writes below `sandbox/` in it only. */
  readonly directory: string;
  /** Folder bound read-only at `/run/sally`; the sandbox's uid must be able to enter it and to write to the socket in it. */
  readonly tetherDirectory: string;
  readonly mounts: readonly SandboxMount[];
  /** Program and arguments, as paths inside the sandbox. */
  readonly argv: readonly string[];
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly profile: Profile;
  readonly limits: ResolvedLimits;
  /** Seconds after which the workload dies without anybody's help; give it more than the reaper's own deadline. */
  readonly deadlineSeconds: number;
}

/** The substrates a sandbox can stand on. */
export const backendKinds = ['process', 'docker'] as const;

export type BackendKind = (typeof backendKinds)[number];

/** What every backend says of a started sandbox. */
interface StartedSandbox {
  readonly id: string;
  /** The sandbox's first process, in the runtime's view, and its kernel start time in clock ticks since boot. */
  readonly pid: number;
  readonly startTime: number;
  /** The process outside the sandbox that holds its deadline. */
  readonly keeper: { readonly pid: number; readonly startTime: number };
  /** Id of the boot in which these processes live. */
  readonly boot: string;
  /** Host uid and gid of everything inside; rw mounts belong to it. */
  readonly uid: number;
  /** Folder of the backend's own files of this workload. */
  readonly directory: string;
  /** Folders of its control groups, absolute; empty where the profile runs without. */
  readonly cgroups: readonly string[];
  readonly rootfsHash: string;
  readonly mountsHash: string;
  /** Bytes kept of what the supervisor prints. */
  readonly logBytes: number;
  /** Folders counted against the disk limit, and what they may gain. */
  readonly disk: { readonly directories: readonly string[]; readonly limit: DiskUse };
}

export interface ProcessHandle extends StartedSandbox {
  readonly backend: 'process';
}

export interface DockerHandle extends StartedSandbox {
  readonly backend: 'docker';
  /** Id of the container, 64 hex digits. */
  readonly container: string;
  /** Id of the image it was made of, `sha256:...`. */
  readonly image: string;
}

/** A started sandbox: plain JSON, enough to find it again from another process. */
export type Handle = ProcessHandle | DockerHandle;

/** What the substrate says became of a sandbox. `lost` means gone without a word of how. */
export type Exit =
  | { readonly state: 'running' }
  | {
      readonly state: 'exited';
      /** Exit code of the program; 128 plus the number of the signal that ended it. */
      readonly code: number;
      /** The kernel killed something of it for memory, and it did not end well. */
      readonly oom: boolean;
      /** It outlived the deadline it was started with. */
      readonly deadline: boolean;
    }
  | { readonly state: 'lost' };

/** One thing an edge needs in order to isolate. */
export interface Capability {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen. */
  readonly cause: string;
  /** What a person does about it; empty when ok. */
  readonly remedy: string;
}

/** What the supervisor printed, as far as it was kept. */
export interface SandboxLog {
  /** The last bytes kept, at most as many as were asked for. */
  readonly tail: Uint8Array;
  /** Bytes dropped beyond the profile's cap, counted by this process. */
  readonly dropped: number;
}

/** What folders hold: bytes on disk, and files with folders. */
export interface DiskUse {
  readonly bytes: number;
  readonly files: number;
}

/** A sandbox as the substrate knows it without a handle. */
export interface Found {
  readonly backend: BackendKind;
  /** Id of the workload. */
  readonly id: string;
}

export interface Backend<H extends Handle = Handle> {
  /** What this edge can and cannot isolate; asks the substrate each time. */
  check(): Promise<readonly Capability[]>;

  /** Makes what every start needs, so that the first does not wait for it; failures wait for the start that meets them. */
  warm(): Promise<void>;

  /** Host uid that a workload will run as, so that its folders can be given to it before it starts. The same id, the same uid. */
  reserve(id: string, profile: Profile): Promise<number>;

  /**
   * Starts a sandbox and answers when it stands, limits and filter in force, and its program is about to be executed.
   *
   * @throws Fault `runtime.isolation_missing`, `runtime.mount_refused`, `runtime.start_failed`; nothing of it is left then.
   */
  start(spec: SandboxSpec): Promise<H>;

  /** Takes over a sandbox that an earlier process of this runtime started; asked again, it does nothing. */
  adopt(handle: H): Promise<void>;

  /** What became of it, from evidence. A failure to observe throws; it is never an exit. */
  exitCode(handle: H): Promise<Exit>;

  /** Resolves once it is no longer running; rejects with the signal's reason when that fires first. */
  waitExit(handle: H, signal?: AbortSignal): Promise<Exclude<Exit, { state: 'running' }>>;

  /** SIGTERM to the program; the caller holds the grace. Nothing happens when it is gone. */
  terminate(handle: H): Promise<void>;

  /** SIGKILL to the whole tree; resolves when nothing of it is left. */
  kill(handle: H): Promise<void>;

  /** Gives back control groups, uid and files; read the log before. Throws while anything is alive. */
  cleanup(handle: H): Promise<void>;

  /** What the substrate says about it now. */
  evidence(handle: H): Promise<Evidence>;

  /** The end of what the supervisor printed. */
  log(handle: H, bytes: number): Promise<SandboxLog>;

  /** Every sandbox of this install that is alive, whoever remembers it. */
  list(): Promise<readonly Found[]>;

  /** Kills and clears a sandbox nobody has a handle of; resolves when nothing of it is left. */
  reap(found: Found): Promise<void>;

  /**
   * Counts a workload's rw mounts against its disk limit from what they hold at this moment; call it when they are checked out.
   * What stands there already may be given, else it is measured beside the work.
   */
  holdDisk(handle: H, standing?: DiskUse): Promise<void>;

  /** Calls back when a workload's rw mounts outgrow their limit; the caller decides what follows. */
  onOverDisk(listener: (id: string, used: DiskUse) => void): void;

  /** Lets go of watchers and helpers of this process; sandboxes keep running. */
  close(): Promise<void>;
}
