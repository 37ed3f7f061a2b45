/** What schedules and subscriptions have in common: what they fire, on whose grant, and when the next time is. */

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Overlap, type RunTemplate, RunTemplateSchema } from '@sallyport/contracts/schedule/v1/trigger';

export type TriggerKind = 'schedule' | 'subscription';

/** What becomes of a firing while a run of the same trigger is not over. */
export type OverlapName = 'skip' | 'queue_one' | 'allow' | 'replace';

export interface Trigger {
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly kind: TriggerKind;
  readonly name: string;
  readonly version: number;
  /** The schedule or subscription as it was applied, a message of the contract. */
  readonly spec: Uint8Array;
  /** SHA-256 of what is consented to. */
  readonly specHash: string;
  readonly template: RunTemplate;
  readonly overlap: OverlapName;
  readonly paused: boolean;
  /** Grant it runs on; empty until somebody consents. */
  readonly grant: string;
  /** The spec hash the grant was given for. */
  readonly grantHash: string;
  /** Principal who gave the grant. */
  readonly subject: string;
  /** Why identity refused the grant the last time it was used; empty when it did not. */
  readonly grantTrouble: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly deletedAt: number | undefined;
  /** Every fire time up to here is decided. */
  readonly cursorAt: number;
  readonly nextAt: number | undefined;
}

/** Whether the grant is for the trigger as it is now. */
export const isConsented = (trigger: Pick<Trigger, 'grant' | 'grantHash' | 'specHash'>): boolean =>
  trigger.grant !== '' && trigger.grantHash === trigger.specHash;

/** Whether somebody has to consent before it fires again, as far as is known here. */
export const needsConsent = (trigger: Pick<Trigger, 'grant' | 'grantHash' | 'specHash' | 'grantTrouble'>): boolean =>
  !isConsented(trigger) || trigger.grantTrouble !== '';

const names = {
  [Overlap.UNSPECIFIED]: 'skip',
  [Overlap.SKIP]: 'skip',
  [Overlap.QUEUE_ONE]: 'queue_one',
  [Overlap.ALLOW]: 'allow',
  [Overlap.REPLACE]: 'replace',
} as const satisfies Record<Overlap, OverlapName>;

/** The name of a policy; undefined when the number is none. */
export const overlapName = (overlap: Overlap): OverlapName | undefined =>
  (names as Readonly<Record<number, OverlapName>>)[overlap];

export const overlapWire = {
  skip: Overlap.SKIP,
  queue_one: Overlap.QUEUE_ONE,
  allow: Overlap.ALLOW,
  replace: Overlap.REPLACE,
} as const satisfies Record<OverlapName, Overlap>;

export const templateBytes = (template: RunTemplate): Uint8Array => toBinary(RunTemplateSchema, template);
export const templateFrom = (bytes: Uint8Array): RunTemplate => fromBinary(RunTemplateSchema, bytes);
