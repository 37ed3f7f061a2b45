/** Whether an envelope is the one an intent token was minted for, and one this edge can carry. Pure. */

import { toJson } from '@bufbuild/protobuf';
import { MountMode, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { canonicalHash } from '@sallyport/core/canonical';
import type { IntentClaims } from '@sallyport/core/claims';
import { isId, isSlug } from '@sallyport/core/ids';
import { intentMismatch, malformedUnit } from '../faults.ts';

/** SHA-256 of the canonical envelope: the `dsp.h` of every token of its chain. */
export const envelopeHash = (unit: Unit): string => canonicalHash(toJson(UnitSchema, unit));

/**
 * @throws Fault `runtime.unit_malformed` when no edge could carry the unit, `runtime.intent_mismatch` when the token is
 * another one's. The hash covers every field; the single comparisons exist to say which one is wrong.
 */
export function checkIntent(unit: Unit, claims: IntentClaims, edge: string): void {
  checkForm(unit);
  const same: readonly (readonly [string, unknown, unknown])[] = [
    ['edge', claims.lease.edge, edge],
    ['dispatch', claims.dsp.id, unit.dispatch],
    ['run', claims.txn, unit.run],
    ['org', claims.org, unit.identity?.org],
    ['environment', claims.env, unit.identity?.environment],
    ['subject', claims.sub, unit.identity?.subject],
    ['envelope', claims.dsp.h, envelopeHash(unit)],
  ];
  const wrong = same.find(([, claimed, given]) => claimed !== given);
  if (wrong !== undefined) throw intentMismatch(wrong[0]);
  if (!Number.isSafeInteger(claims.lease.epoch) || claims.lease.epoch < 1) throw intentMismatch('epoch');
}

/** Names become folders of the host, so their form is checked before anything is made of them. */
function checkForm(unit: Unit): void {
  if (!isId('dispatch', unit.dispatch)) throw malformedUnit('dispatch', 'is not a dispatch id');
  if (!isId('run', unit.run)) throw malformedUnit('run', 'is not a run id');
  const { identity } = unit;
  if (identity === undefined || !isSlug(identity.org)) throw malformedUnit('identity.org', 'is not a slug');
  if (!isSlug(identity.environment)) throw malformedUnit('identity.environment', 'is not a slug');
  if (identity.subject === '') throw malformedUnit('identity.subject', 'is empty');
  if (unit.runner === '') throw malformedUnit('runner', 'is empty');
  const seen = new Set<string>();
  for (const { workspace, mode } of unit.mounts) {
    if (!isSlug(workspace)) throw malformedUnit('mounts.workspace', 'is not a slug');
    if (seen.has(workspace)) throw malformedUnit('mounts.workspace', 'is named twice');
    if (mode !== MountMode.RO && mode !== MountMode.RW) throw malformedUnit('mounts.mode', 'is neither ro nor rw');
    seen.add(workspace);
  }
}
