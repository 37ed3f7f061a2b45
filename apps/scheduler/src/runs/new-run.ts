/** The rows of a run that is accepted this moment. Pure. */

import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { newId } from '@sallyport/core/ids';
import type { Dispatch } from '../dispatches/dispatch.ts';
import type { RunRecord } from './run.ts';

/** A fresh dispatch is offered at once; the sweeper takes it up only when that did not happen. */
export const headStartMs = 1_000;

export interface NewRunBounds {
  /** Milliseconds it may wait for an edge. */
  readonly queueMs: number;
  /** Lifetime of a unit that leaves it to the profile, milliseconds. */
  readonly lifetimeMs: number;
}

/** A run and its first dispatch, in the queue, from an envelope that names run, task and identity. */
export function newRun(unit: Unit, now: number, bounds: NewRunBounds): { run: RunRecord; queued: Dispatch } {
  const { org = '', environment = '', subject = '' } = unit.identity ?? {};
  const run: RunRecord = {
    id: unit.run,
    org,
    environment,
    subject,
    role: unit.role,
    runner: unit.runner,
    unit,
    state: 'queued',
    reason: 'accepted',
    message: '',
    since: now,
    version: 1,
    seq: 1,
    createdAt: now,
    endedAt: undefined,
    ending: undefined,
    task: { id: unit.task, state: 'submitted' },
  };
  const lifetimeSeconds = unit.limits?.lifetimeSeconds ?? 0;
  const queued: Dispatch = {
    id: newId('dispatch', now),
    org,
    run: run.id,
    attempt: 1,
    state: 'queued',
    reason: 'accepted',
    since: now,
    version: 1,
    runner: unit.runner,
    profile: unit.profile,
    wish: 'run',
    why: '',
    epoch: 0,
    edge: undefined,
    offers: 0,
    createdAt: now,
    dueAt: now + headStartMs,
    leaseUntil: 0,
    endsBy: now + bounds.queueMs,
    lifetimeMs: lifetimeSeconds > 0 ? lifetimeSeconds * 1000 : bounds.lifetimeMs,
    troubledSince: undefined,
    workloadSeq: 0,
    outputOffset: 0,
    waiting: false,
    inputAt: undefined,
  };
  return { run, queued };
}
