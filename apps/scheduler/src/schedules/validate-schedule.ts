/** Says which field of a schedule breaks which rule, and answers what is left to keep. Pure. */

import { create } from '@bufbuild/protobuf';
import { type RunTemplate, RunTemplateSchema, type Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import { isSlug } from '@sallyport/core/ids';
import { cronTimes } from '../cron/cron-times.ts';
import { maxRecorded } from '../cron/decide-ticks.ts';
import { nameInvalid, policyInvalid } from '../faults.ts';
import { neverFires } from '../trigger-faults.ts';
import { checkTemplate } from '../triggers/check-template.ts';
import { overlapName } from '../triggers/trigger.ts';
import { misfireName, type ScheduleSpec, usualCap } from './schedule.ts';

/** The spec of a schedule that may be kept. Throws the fault of the first field that breaks a rule. */
export function checkSchedule(schedule: Schedule, now: number): ScheduleSpec {
  if (!isSlug(schedule.name)) throw nameInvalid('/schedule/name');
  const zone = schedule.timeZone || 'UTC';
  const cron = schedule.cron.trim().replace(/\s+/g, ' ');
  if (cronTimes(cron, zone).after(now) === undefined) throw neverFires();
  const misfire = misfireName(schedule.misfire);
  if (misfire === undefined) throw policyInvalid('/schedule/misfire', 'say skip, run_once or run_all');
  if (schedule.misfireCap < 0 || schedule.misfireCap > maxRecorded)
    throw policyInvalid('/schedule/misfire_cap', `give 1 to ${maxRecorded}; 0 means ${usualCap}`);
  const overlap = overlapName(schedule.overlap);
  if (overlap === undefined) throw policyInvalid('/schedule/overlap', 'say skip, queue_one, allow or replace');
  const template: RunTemplate = schedule.run ?? create(RunTemplateSchema);
  checkTemplate(template, '/schedule/run');
  return { cron, zone, misfire, misfireCap: schedule.misfireCap || usualCap, overlap, template };
}
