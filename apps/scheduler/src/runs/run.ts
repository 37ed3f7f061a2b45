/** A run with its task and its latest dispatch, as kept and as the contract shows it. */

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Run, RunSchema, RunState, TaskState } from '@sallyport/contracts/schedule/v1/schedule';
import type { Committed, Verdict } from '@sallyport/contracts/unit/v1/event';
import { type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import type { Dispatch } from '../dispatches/dispatch.ts';
import { type RunStateName, runMachine } from './run.machine.ts';
import type { TaskStateName } from './task.machine.ts';

/** What is known once a run has ended. */
export interface Ending {
  readonly verdict: Verdict;
  readonly exitCode: number | undefined;
  readonly reply: string;
  readonly commits: readonly Committed[];
}

export interface RunRecord {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
  readonly role: string;
  readonly runner: string;
  /** The envelope without its dispatch id, as identity authorised it. */
  readonly unit: Unit;
  readonly state: RunStateName;
  readonly reason: string;
  readonly message: string;
  readonly since: number;
  readonly version: number;
  /** Transitions told so far. */
  readonly seq: number;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
  readonly ending: Ending | undefined;
  readonly task: { readonly id: string; readonly state: TaskStateName };
}

export const runStateWire = {
  planning: RunState.PLANNING,
  queued: RunState.QUEUED,
  running: RunState.RUNNING,
  blocked: RunState.BLOCKED,
  completed: RunState.COMPLETED,
  failed: RunState.FAILED,
  cancelled: RunState.CANCELLED,
  skipped: RunState.SKIPPED,
} as const satisfies Record<RunStateName, RunState>;

export const taskStateWire = {
  submitted: TaskState.SUBMITTED,
  delivered: TaskState.DELIVERED,
  running: TaskState.RUNNING,
  compacting: TaskState.COMPACTING,
  completed: TaskState.COMPLETED,
  failed: TaskState.FAILED,
  cancelled: TaskState.CANCELLED,
  delivery_failed: TaskState.DELIVERY_FAILED,
} as const satisfies Record<TaskStateName, TaskState>;

/** The run as the contract shows it. Until it ends, its reason is what its dispatch waits for. */
export function runWire(run: RunRecord, dispatch: Dispatch): Run {
  const ended = runMachine.isTerminal(run.state);
  const { ending } = run;
  const isAtWork = !ended && run.unit.stay && dispatch.reason === 'running';
  const since = isAtWork ? Math.max(run.since, dispatch.inputAt ?? 0) : run.since;
  return create(RunSchema, {
    id: run.id,
    org: run.org,
    environment: run.environment,
    task: run.task.id,
    role: run.role,
    runner: run.runner,
    subject: run.subject,
    state: runStateWire[run.state],
    taskState: taskStateWire[run.task.state],
    reason: ended ? run.reason : isAtWork && dispatch.waiting ? 'waiting_for_input' : dispatch.reason,
    message: run.message,
    since: timestampFromMs(since),
    createdAt: timestampFromMs(run.createdAt),
    ...(run.endedAt === undefined ? {} : { endedAt: timestampFromMs(run.endedAt) }),
    dispatch: dispatch.id,
    mounts: run.unit.mounts,
    ...(ending === undefined ? {} : endingWire(ending)),
    epoch: BigInt(dispatch.epoch),
    ...(run.unit.trigger && { trigger: run.unit.trigger }),
    session: run.unit.session || run.id,
    stay: run.unit.stay,
  });
}

const endingWire = (ending: Ending): MessageInitShape<typeof RunSchema> => ({
  verdict: ending.verdict,
  ...(ending.exitCode === undefined ? {} : { exitCode: ending.exitCode }),
  reply: ending.reply,
  commits: [...ending.commits],
});

/** An ending as bytes: agents' words hold characters that text columns refuse. */
export const endingBytes = (ending: Ending): Uint8Array => toBinary(RunSchema, create(RunSchema, endingWire(ending)));

export function endingFrom(bytes: Uint8Array): Ending {
  const { verdict, exitCode, reply, commits } = fromBinary(RunSchema, bytes);
  return { verdict, exitCode, reply, commits };
}

/** The envelope of one attempt. */
export const unitOf = (run: RunRecord, dispatch: string): Unit => create(UnitSchema, { ...run.unit, dispatch });

/** Words of another party made fit for a text column and a terminal. */
export const plainText = (text: string, limit: number): string =>
  text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, limit)
    .toWellFormed();
