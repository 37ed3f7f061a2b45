/** What must be there, or not be there, before a trigger is written. */

import { triggerChanged, triggerExists, triggerNotFound } from '../faults.ts';
import type { Trigger } from './trigger.ts';

export interface Expected {
  /** Version that must be current; 0 when any will do. */
  readonly ifVersion: number;
  readonly ifAbsent: boolean;
}

/** Throws the refusal of a write whose expectation does not hold. */
export function checkExpected(
  before: Trigger | undefined,
  { kind, name }: Pick<Trigger, 'kind' | 'name'>,
  { ifVersion, ifAbsent }: Expected,
): void {
  if (before !== undefined && ifAbsent) throw triggerExists(kind, name);
  if (ifVersion === 0) return;
  if (before === undefined) throw triggerNotFound(kind, name);
  if (before.version !== ifVersion) throw triggerChanged(before.version);
}
