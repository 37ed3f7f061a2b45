/** A subscription as it is applied, kept and shown. Pure. */

import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type RunTemplate,
  RunTemplateSchema,
  type Subscription,
  SubscriptionSchema,
} from '@sallyport/contracts/schedule/v1/trigger';
import { canonicalHash } from '@sallyport/core/canonical';
import { needsConsent, type OverlapName, overlapWire, type Trigger } from '../triggers/trigger.ts';

/** What a person applies and consents to, with nothing left out. */
export interface SubscriptionSpec {
  readonly types: readonly string[];
  readonly source: string;
  readonly subject: string;
  readonly expression: string;
  readonly overlap: OverlapName;
  readonly template: RunTemplate;
}

/** What a grant is bound to. */
export const specHash = (spec: SubscriptionSpec): string =>
  canonicalHash({
    types: spec.types,
    source: spec.source,
    subject: spec.subject,
    expression: spec.expression,
    overlap: spec.overlap,
    run: toJson(RunTemplateSchema, spec.template),
  });

/** The parts of a subscription that are not columns of their own. */
export const specBytes = ({ types, source, subject, expression }: SubscriptionSpec): Uint8Array =>
  toBinary(SubscriptionSchema, create(SubscriptionSchema, { types: [...types], source, subject, expression }));

export function specOf(trigger: Trigger): Omit<SubscriptionSpec, 'types'> & { readonly types: string[] } {
  const { types, source, subject, expression } = fromBinary(SubscriptionSchema, trigger.spec);
  const { overlap, template } = trigger;
  return { types, source, subject, expression, overlap, template };
}

/** The subscription as the contract shows it. */
export function subscriptionWire(trigger: Trigger): Subscription {
  const { types, source, subject, expression } = specOf(trigger);
  return create(SubscriptionSchema, {
    id: trigger.id,
    name: trigger.name,
    types,
    source,
    subject,
    expression,
    run: trigger.template,
    overlap: overlapWire[trigger.overlap],
    paused: trigger.paused,
    grant: trigger.grant,
    consentNeeded: needsConsent(trigger),
    version: BigInt(trigger.version),
    specHash: trigger.specHash,
    createdAt: timestampFromMs(trigger.createdAt),
    createdBy: trigger.createdBy,
  });
}
