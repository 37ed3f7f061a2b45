/** A schedule as it is applied, kept and shown. Pure. */

import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  Misfire,
  type RunTemplate,
  RunTemplateSchema,
  type Schedule,
  ScheduleSchema,
} from '@sallyport/contracts/schedule/v1/trigger';
import { canonicalHash } from '@sallyport/core/canonical';
import type { MisfireName } from '../cron/decide-ticks.ts';
import { needsConsent, type OverlapName, overlapWire, type Trigger } from '../triggers/trigger.ts';

/** What a person applies and consents to, with nothing left out. */
export interface ScheduleSpec {
  readonly cron: string;
  readonly zone: string;
  readonly misfire: MisfireName;
  readonly misfireCap: number;
  readonly overlap: OverlapName;
  readonly template: RunTemplate;
}

export const usualCap = 10;

const misfireNames = {
  [Misfire.UNSPECIFIED]: 'skip',
  [Misfire.SKIP]: 'skip',
  [Misfire.RUN_ONCE]: 'run_once',
  [Misfire.RUN_ALL]: 'run_all',
} as const satisfies Record<Misfire, MisfireName>;

const misfireWire = {
  skip: Misfire.SKIP,
  run_once: Misfire.RUN_ONCE,
  run_all: Misfire.RUN_ALL,
} as const satisfies Record<MisfireName, Misfire>;

/** The name of a policy; undefined when the number is none. */
export const misfireName = (misfire: Misfire): MisfireName | undefined =>
  (misfireNames as Readonly<Record<number, MisfireName>>)[misfire];

/** What a grant is bound to. */
export const specHash = (spec: ScheduleSpec): string =>
  canonicalHash({
    cron: spec.cron,
    time_zone: spec.zone,
    misfire: spec.misfire,
    misfire_cap: spec.misfireCap,
    overlap: spec.overlap,
    run: toJson(RunTemplateSchema, spec.template),
  });

/** The parts of a schedule that are not columns of their own. */
export const specBytes = (spec: ScheduleSpec): Uint8Array =>
  toBinary(
    ScheduleSchema,
    create(ScheduleSchema, {
      cron: spec.cron,
      timeZone: spec.zone,
      misfire: misfireWire[spec.misfire],
      misfireCap: spec.misfireCap,
    }),
  );

export function specOf(trigger: Trigger): ScheduleSpec {
  const { cron, timeZone, misfire, misfireCap } = fromBinary(ScheduleSchema, trigger.spec);
  const { overlap, template } = trigger;
  return { cron, zone: timeZone, misfire: misfireName(misfire) ?? 'skip', misfireCap, overlap, template };
}

/** The schedule as the contract shows it. */
export function scheduleWire(trigger: Trigger): Schedule {
  const spec = specOf(trigger);
  return create(ScheduleSchema, {
    id: trigger.id,
    name: trigger.name,
    cron: spec.cron,
    timeZone: spec.zone,
    run: trigger.template,
    misfire: misfireWire[spec.misfire],
    misfireCap: spec.misfireCap,
    overlap: overlapWire[trigger.overlap],
    paused: trigger.paused,
    grant: trigger.grant,
    consentNeeded: needsConsent(trigger),
    version: BigInt(trigger.version),
    specHash: trigger.specHash,
    ...(trigger.nextAt === undefined ? {} : { nextAt: timestampFromMs(trigger.nextAt) }),
    createdAt: timestampFromMs(trigger.createdAt),
    createdBy: trigger.createdBy,
  });
}
