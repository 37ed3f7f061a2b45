/** A workload record as journal text and back. */

import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { RuntimeEventSchema } from '@sallyport/contracts/runtime/v1/runtime';
import { CommittedSchema, ResultSchema } from '@sallyport/contracts/unit/v1/event';
import { UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { z } from 'zod';
import { backendKinds, type Handle } from '../backends/backend.ts';
import type { PreparedMount } from '../mounts/prepared-mount.ts';
import { endWords, stopWords, type WorkloadState, workloadMachine } from './workload.machine.ts';
import type { WorkloadRecord } from './workload.ts';

const json = z.custom<JsonValue>((value) => value !== undefined);
const ms = z.number();

/** Handles and prepared mounts are written by their own modules and given back to them unread. */
const recordShape = z.object({
  version: z.literal(1),
  id: z.string(),
  unit: json,
  epoch: z.int().positive(),
  state: z.enum(workloadMachine.states as [WorkloadState, ...WorkloadState[]]),
  reason: z.string(),
  since: ms,
  createdAt: ms,
  startedAt: ms.optional(),
  stoppedAt: ms.optional(),
  stopReason: z.enum(stopWords).optional(),
  exitCode: z.int().optional(),
  seq: z.int().nonnegative(),
  ending: z.object({ reason: z.enum(endWords), why: z.string(), capture: z.boolean() }).optional(),
  // Records of before there was a choice are of the one there was.
  backend: z.enum(backendKinds).default('process'),
  handle: z.custom<Handle>((value) => typeof value === 'object' && value !== null).optional(),
  evidence: z.string().optional(),
  proofKey: z.string(),
  token: z.object({ raw: z.string(), issuedAt: ms, expiresAt: ms }).optional(),
  mounts: z.array(z.custom<PreparedMount>((value) => typeof value === 'object' && value !== null)),
  result: json.optional(),
  commits: z.array(json),
  unsent: z.array(z.object({ event: json, audited: z.boolean(), reported: z.boolean() })),
  logTail: z.string(),
});

export function encodeRecord(record: WorkloadRecord): string {
  const { unit, result, commits, unsent, ...plain } = record;
  return JSON.stringify({
    version: 1,
    ...plain,
    unit: toJson(UnitSchema, unit),
    ...(result && { result: toJson(ResultSchema, result) }),
    commits: commits.map((commit) => toJson(CommittedSchema, commit)),
    unsent: unsent.map(({ event, audited, reported }) => ({
      event: toJson(RuntimeEventSchema, event),
      audited,
      reported,
    })),
  });
}

/** Throws when the text is not a whole record of this version. */
export function decodeRecord(text: string): WorkloadRecord {
  const parsed = recordShape.parse(JSON.parse(text));
  return {
    id: parsed.id,
    unit: fromJson(UnitSchema, parsed.unit),
    epoch: parsed.epoch,
    state: parsed.state,
    reason: parsed.reason,
    since: parsed.since,
    createdAt: parsed.createdAt,
    startedAt: parsed.startedAt,
    stoppedAt: parsed.stoppedAt,
    stopReason: parsed.stopReason,
    exitCode: parsed.exitCode,
    seq: parsed.seq,
    ending: parsed.ending,
    backend: parsed.backend,
    handle: parsed.handle,
    evidence: parsed.evidence,
    proofKey: parsed.proofKey,
    token: parsed.token,
    mounts: parsed.mounts,
    result: parsed.result === undefined ? undefined : fromJson(ResultSchema, parsed.result),
    commits: parsed.commits.map((commit) => fromJson(CommittedSchema, commit)),
    unsent: parsed.unsent.map(({ event, audited, reported }) => ({
      event: fromJson(RuntimeEventSchema, event),
      audited,
      reported,
    })),
    logTail: parsed.logTail,
  };
}
