/** What is known of one workload: the journalled record, and its form on the wire. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  Backend,
  type RuntimeEvent,
  StopReason,
  WorkloadState as WireState,
  type WorkloadSchema,
} from '@sallyport/contracts/runtime/v1/runtime';
import type { Committed, Result } from '@sallyport/contracts/unit/v1/event';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { BackendKind, Handle } from '../backends/backend.ts';
import type { PreparedMount } from '../mounts/prepared-mount.ts';
import { type EndWord, type StopWord, stopWords, type WorkloadState, workloadMachine } from './workload.machine.ts';

/** A transition on its way to those who must hear of it. */
export interface Unsent {
  readonly event: RuntimeEvent;
  audited: boolean;
  reported: boolean;
}

/** Somebody's wish that a workload end. */
export interface Ending {
  readonly reason: EndWord;
  /** Stable word and a sentence. */
  readonly why: string;
  /** Whether what the agent did is still committed: not when its right to do it is gone. */
  readonly capture: boolean;
}

/** The dispatch token of the moment. */
export interface HeldToken {
  readonly raw: string;
  /** Wall time in milliseconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface WorkloadRecord {
  /** Same as the dispatch it carries. */
  readonly id: string;
  /** What this attempt is asked to do; a respawn brings its own. */
  unit: Unit;
  epoch: number;
  state: WorkloadState;
  /** Stable word and a sentence: why it is in this state. */
  reason: string;
  /** Wall times in milliseconds. */
  since: number;
  readonly createdAt: number;
  startedAt: number | undefined;
  stoppedAt: number | undefined;
  stopReason: StopWord | undefined;
  exitCode: number | undefined;
  /** Sequence of the last transition told. */
  seq: number;
  ending: Ending | undefined;
  /** The substrate it is for, known before it has a handle there. */
  readonly backend: BackendKind;
  handle: Handle | undefined;
  /** SHA-256 of the evidence it was attested by. */
  evidence: string | undefined;
  /** Private half of its proof key, JWK text; stays on this side of the tether. */
  proofKey: string;
  token: HeldToken | undefined;
  mounts: PreparedMount[];
  result: Result | undefined;
  commits: Committed[];
  unsent: Unsent[];
  /** Last bytes of what the sandbox itself printed; kept when the rest is reclaimed. */
  logTail: string;
}

/** The org a record belongs to. */
export const orgOf = (record: WorkloadRecord): string => record.unit.identity?.org ?? '';

/** The principal charged by the quota. */
export const ownerOf = (record: WorkloadRecord): string => record.unit.identity?.subject ?? '';

/** Whether something of it may still run. */
export const isLive = (state: WorkloadState): boolean =>
  state === 'starting' || state === 'running' || state === 'stopping';

export const wireStates = {
  starting: WireState.STARTING,
  running: WireState.RUNNING,
  stopping: WireState.STOPPING,
  stopped: WireState.STOPPED,
  destroyed: WireState.DESTROYED,
} as const satisfies Record<WorkloadState, WireState>;

const wireBackends = {
  process: Backend.PROCESS,
  docker: Backend.DOCKER,
} as const satisfies Record<BackendKind, Backend>;

const wireReasons = {
  completed: StopReason.COMPLETED,
  failed: StopReason.FAILED,
  stopped: StopReason.STOPPED,
  idle_timeout: StopReason.IDLE_TIMEOUT,
  max_lifetime: StopReason.MAX_LIFETIME,
  oom: StopReason.OOM,
  start_failed: StopReason.START_FAILED,
  lost: StopReason.LOST,
} as const satisfies Record<StopWord, StopReason>;

/** The word of a state on the wire; undefined for none of ours. */
export const stateWord = (wire: WireState | undefined): WorkloadState | undefined =>
  workloadMachine.states.find((state) => wireStates[state] === wire);

/** The word of a stop reason on the wire; undefined for none. */
export const stopWord = (wire: StopReason | undefined): StopWord | undefined =>
  stopWords.find((word) => wireReasons[word] === wire);

/** A record as runtime.v1 shows it. */
export function toWire(record: WorkloadRecord): MessageInitShape<typeof WorkloadSchema> {
  const { id, unit, epoch, state, reason, since, startedAt, stoppedAt, stopReason, exitCode } = record;
  return {
    id,
    org: orgOf(record),
    run: unit.run,
    owner: ownerOf(record),
    profile: unit.profile,
    backend: wireBackends[record.backend],
    state: wireStates[state],
    stopReason: stopReason === undefined ? StopReason.UNSPECIFIED : wireReasons[stopReason],
    reason,
    since: timestampFromMs(since),
    epoch: BigInt(epoch),
    ...(exitCode !== undefined && { exitCode }),
    ...(startedAt !== undefined && { startedAt: timestampFromMs(startedAt) }),
    ...(stoppedAt !== undefined && { stoppedAt: timestampFromMs(stoppedAt) }),
  };
}
