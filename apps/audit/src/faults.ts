/** Every reason audit gives; `docs/faults/audit.md` says what to do about each. */

import { Fault } from '@sallyport/core/fault';

export const unknownKind = (kind: string): Fault =>
  new Fault(
    'invalid_argument',
    'audit.unknown_kind',
    'the event is of no kind the log knows; add it to the closed list first',
    {
      kind: kind.slice(0, 80),
    },
  );

export const foreignKind = (caller: string, kind: string): Fault =>
  new Fault('permission_denied', 'audit.foreign_kind', `${caller} may not say ${kind}; its owner does`, {
    caller,
    kind,
  });

export const malformedEvent = (index: number, field: string): Fault =>
  new Fault(
    'invalid_argument',
    'audit.malformed_event',
    `event ${index} of the request has a ${field} that the log does not take; nothing of the request was stored`,
    { index: String(index), field },
  );

export const batchTooLarge = (events: number, most: number): Fault =>
  new Fault('invalid_argument', 'audit.batch_too_large', `a request holds at most ${most} events; send them in parts`, {
    events: String(events),
    most: String(most),
  });

export const idReused = (id: string): Fault =>
  new Fault(
    'already_exists',
    'audit.id_reused',
    'the log holds another event under this id; give the event an id of its own',
    { id },
  );

export const logInconsistent = (org: string, why: string): Fault =>
  new Fault(
    'failed_precondition',
    'audit.log_inconsistent',
    'the stored log is not the one that was signed, so it takes nothing more; export what is there and find out who changed it',
    { org, why },
  );

export const overloaded = (org: string): Fault =>
  new Fault('resource_exhausted', 'audit.overloaded', 'more events wait than the log may hold back; try again', {
    org,
  });

export const contended = (org: string): Fault =>
  new Fault('aborted', 'audit.contended', 'other writers kept taking the next place in the log; try again', { org });

export const malformedQuery = (field: string): Fault =>
  new Fault('invalid_argument', 'audit.malformed_query', `${field} is out of range; page_size is 0 to 1000`, { field });

export const foreignEnvironment = (environment: string): Fault =>
  new Fault(
    'permission_denied',
    'audit.foreign_environment',
    'the session reads the events of its own environment; use a key of the other one',
    { environment: environment.slice(0, 80) },
  );

export const checkpointBehind = (size: number): Fault =>
  new Fault(
    'deadline_exceeded',
    'audit.checkpoint_behind',
    'the log has not grown to the size asked for; ask for a smaller one',
    {
      size: String(size),
    },
  );

export const noSuchExport = (id: string): Fault =>
  new Fault('not_found', 'audit.no_such_export', 'no such export is open; open one', { export: id.slice(0, 80) });

export const tooManyExports = (most: number): Fault =>
  new Fault(
    'resource_exhausted',
    'audit.too_many_exports',
    `an org reads at most ${most} exports at once; finish one`,
    {
      most: String(most),
    },
  );

export const keyUnusable = (path: string, why: string): Fault =>
  new Fault('failed_precondition', 'audit.key_unusable', `the log's key cannot be used: ${why}; restore the file`, {
    path,
  });
