/** Says which field of a subscription breaks which rule, and answers what is left to keep. Pure; the expression itself is judged elsewhere. */

import { create } from '@bufbuild/protobuf';
import { RunTemplateSchema, type Subscription } from '@sallyport/contracts/schedule/v1/trigger';
import { isSlug } from '@sallyport/core/ids';
import { filterInvalid, nameInvalid, policyInvalid } from '../faults.ts';
import { checkTemplate } from '../triggers/check-template.ts';
import { overlapName } from '../triggers/trigger.ts';
import type { SubscriptionSpec } from './subscription.ts';

const maxTypes = 50;
/** As long as what they are held against may be. */
const maxType = 256;
const maxPattern = 1024;
const maxExpression = 4096;

/** The spec of a subscription that may be kept. Throws the fault of the first field that breaks a rule. */
export function checkSubscription(subscription: Subscription): SubscriptionSpec {
  const { name, types, source, subject, expression } = subscription;
  if (!isSlug(name)) throw nameInvalid('/subscription/name');
  if (types.length > maxTypes) throw filterInvalid('/subscription/types', `at most ${maxTypes} types`);
  types.forEach((type, index) => checkPattern(type, `/subscription/types/${index}`, maxType, false));
  checkPattern(source, '/subscription/source', maxPattern, true);
  checkPattern(subject, '/subscription/subject', maxPattern, true);
  if (expression.length > maxExpression || !expression.isWellFormed())
    throw filterInvalid('/subscription/expression', `at most ${maxExpression} characters`);
  const overlap = overlapName(subscription.overlap);
  if (overlap === undefined) throw policyInvalid('/subscription/overlap', 'say skip, queue_one, allow or replace');
  const template = subscription.run ?? create(RunTemplateSchema);
  checkTemplate(template, '/subscription/run');
  return { types, source, subject, expression: expression.trim(), overlap, template };
}

/** A `*` anywhere but at the end would not do what it looks like. */
function checkPattern(pattern: string, pointer: string, most: number, mayBeEmpty: boolean): void {
  if (pattern === '' && !mayBeEmpty) throw filterInvalid(pointer, 'it is empty; leave it out to take everything');
  if (pattern.length > most || !pattern.isWellFormed() || /[\p{Cc}\p{Zl}\p{Zp}]/u.test(pattern))
    throw filterInvalid(pointer, `at most ${most} printable characters`);
  if (pattern.slice(0, -1).includes('*')) throw filterInvalid(pointer, 'a * may only stand at the end');
}
