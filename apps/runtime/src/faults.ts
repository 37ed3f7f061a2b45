/** Every reason the runtime refuses or fails for; docs/faults/runtime.md says what to do about each. */

import { Fault } from '@sallyport/core/fault';

export const malformedUnit = (field: string, why: string): Fault =>
  new Fault('invalid_argument', 'runtime.unit_malformed', `the unit's ${field} ${why}`, { field });

export const intentMismatch = (field: string): Fault =>
  new Fault(
    'permission_denied',
    'runtime.intent_mismatch',
    `the intent token was minted for another ${field}; mint one for exactly this unit, edge and attempt`,
    { field },
  );

export const unknownProfile = (profile: string): Fault =>
  new Fault('invalid_argument', 'runtime.profile_unknown', 'this edge has no such profile; name one it registered', {
    profile: profile.slice(0, 63),
  });

export const staleEpoch = (id: string, current: number): Fault =>
  new Fault('failed_precondition', 'runtime.stale_epoch', `a later attempt of ${id} is known here`, {
    id,
    epoch: String(current),
  });

export const superseded = (id: string): Fault =>
  new Fault(
    'aborted',
    'runtime.superseded',
    `an earlier attempt of ${id} still runs here and is being ended; try again`,
    {
      id,
    },
  );

export const stoppedBeforeStart = (id: string): Fault =>
  new Fault('failed_precondition', 'runtime.stopped_before_start', `a stop of ${id} came before its start and wins`, {
    id,
  });

export const quotaExceeded = (owner: string, quota: number): Fault =>
  new Fault('resource_exhausted', 'runtime.quota_exceeded', `${owner} has as many live workloads as the edge allows`, {
    owner,
    quota: String(quota),
  });

export const edgeFull = (capacity: number): Fault =>
  new Fault(
    'resource_exhausted',
    'runtime.edge_full',
    'the edge runs as many workloads as it has room for; try again',
    {
      capacity: String(capacity),
    },
  );

export const edgeClosing = (): Fault =>
  new Fault(
    'unavailable',
    'runtime.edge_closing',
    'the edge is shutting down and takes no new work; place it elsewhere',
  );

export const unknownWorkload = (id: string): Fault =>
  new Fault('not_found', 'runtime.workload_unknown', 'this edge knows no such workload', { id: id.slice(0, 40) });

export const stillLive = (id: string, state: string): Fault =>
  new Fault('failed_precondition', 'runtime.workload_live', `${id} is ${state}; stop it before it is destroyed`, {
    id,
    state,
  });

export const reclaimFailed = (id: string, cause: unknown): Fault =>
  new Fault(
    'unavailable',
    'runtime.reclaim_failed',
    `something of ${id} is left on the edge; its log says what. Try again`,
    { id },
    { cause },
  );

export const journalUnwritable = (cause: unknown): Fault =>
  new Fault(
    'unavailable',
    'runtime.journal_unwritable',
    'the edge cannot write its journal, so it starts nothing; free space on its disk or mend its folder',
    {},
    { cause },
  );

export const badPage = (): Fault =>
  new Fault(
    'invalid_argument',
    'runtime.page_token',
    'the page token is not one this edge gave out; list from the start',
  );

export const malformedTether = (what: string, cause?: unknown): Fault =>
  new Fault(
    'invalid_argument',
    'runtime.tether_malformed',
    `the tether does not take this ${what}`,
    { what },
    { cause },
  );

export const tetherHungUp = (): Fault =>
  new Fault('aborted', 'runtime.tether_hung_up', 'the supervisor hung up before the answer was ready');

export const notAttested = (): Fault =>
  new Fault('unavailable', 'runtime.not_attested', 'the workload has no dispatch token yet; try again');

export const edgeRestarted = (): Fault =>
  new Fault('unavailable', 'runtime.edge_restarted', 'the edge restarted before the work was handed over');
