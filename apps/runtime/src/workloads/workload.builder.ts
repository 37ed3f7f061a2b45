/** Records for specs, whole and valid, to be bent one field at a time. */

import { create } from '@bufbuild/protobuf';
import { MountMode, TriggerKind, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { newId } from '@sallyport/core/ids';
import type { WorkloadRecord } from './workload.ts';

export function aUnit(changes: Partial<Unit> = {}): Unit {
  const unit = create(UnitSchema, {
    dispatch: newId('dispatch', Date.UTC(2026, 0, 1)),
    run: newId('run', Date.UTC(2026, 0, 1)),
    task: newId('task', Date.UTC(2026, 0, 1)),
    identity: { org: 'acme', environment: 'main', subject: 'usr_1', launcher: 'usr_1' },
    runner: 'exec',
    argv: ['true'],
    mounts: [{ workspace: 'demo', mode: MountMode.RW }],
    trigger: { kind: TriggerKind.NOW, reference: 'r' },
    start: { start: { case: 'inline', value: 'do it' } },
    profile: 'default',
  });
  return Object.assign(unit, changes);
}

export function aRecord(changes: Partial<WorkloadRecord> = {}): WorkloadRecord {
  const unit = changes.unit ?? aUnit();
  return {
    id: unit.dispatch,
    unit,
    epoch: 1,
    state: 'starting',
    reason: 'admitted',
    since: 1_000,
    createdAt: 1_000,
    startedAt: undefined,
    stoppedAt: undefined,
    stopReason: undefined,
    exitCode: undefined,
    seq: 1,
    ending: undefined,
    backend: 'process',
    handle: undefined,
    evidence: undefined,
    proofKey: '{}',
    token: undefined,
    mounts: [],
    result: undefined,
    commits: [],
    unsent: [],
    logTail: '',
    ...changes,
  };
}
