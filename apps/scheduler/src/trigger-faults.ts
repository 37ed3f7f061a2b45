/** Refusals about schedules and consent, one function per reason. `docs/faults/scheduler.md` lists the same. */

import { Fault } from '@sallyport/core/fault';
import { invalid } from './invalid.ts';

export const cronInvalid = (why: string): Fault =>
  invalid(
    'scheduler.cron_invalid',
    '/schedule/cron',
    `the expression is not usable: ${why.slice(0, 200)}; give five fields (minute hour day month weekday) or @daily`,
  );

export const zoneUnknown = (zone: string): Fault =>
  invalid(
    'scheduler.zone_unknown',
    '/schedule/time_zone',
    `${JSON.stringify(zone.slice(0, 64))} is no time zone; give an IANA name such as Europe/Berlin`,
  );

export const neverFires = (): Fault =>
  invalid('scheduler.never_fires', '/schedule/cron', 'no date fits the expression, so it would never fire; correct it');

export const scheduleMissing = (): Fault =>
  invalid('scheduler.schedule_missing', '/schedule', 'the request holds no schedule; send the whole schedule');

export const kindUnknown = (kind: string): Fault =>
  invalid(
    'scheduler.kind_unknown',
    '/kind',
    `${JSON.stringify(kind.slice(0, 32))} is no kind of trigger; say schedule or subscription`,
  );

export const consentMissing = (): Fault =>
  new Fault(
    'permission_denied',
    'scheduler.consent_scope',
    'consent gives a grant, and this key may not; use a key with the scope grant:write, or apply without consent',
    { scope: 'grant:write' },
  );

export const consentOutdated = (current: string): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.consent_outdated',
    'what is there is not what was shown; read it again and consent to what it is',
    { spec_hash: current },
  );
