/** Limits of a run: what may be asked, and how a run's and its role's combine. Pure. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Limits, LimitsSchema } from '@sallyport/contracts/unit/v1/unit';
import { limitInvalid } from '../faults.ts';

export const limitNames = [
  'memoryBytes',
  'pids',
  'cpuMillis',
  'diskBytes',
  'outputBytes',
  'idleSeconds',
  'lifetimeSeconds',
  'turns',
] as const satisfies readonly (keyof Limits)[];

/** The most that any profile could mean; a profile's own maximum is the edge's business. */
const ceilings: Readonly<Record<(typeof limitNames)[number], number>> = {
  memoryBytes: 2 ** 40,
  pids: 1_000_000,
  cpuMillis: 1_024_000,
  diskBytes: 2 ** 44,
  outputBytes: 2 ** 36,
  idleSeconds: 7 * 86_400,
  lifetimeSeconds: 7 * 86_400,
  turns: 100_000,
};

/** Refuses negative and absurd values; only an idle limit may be switched off, by -1. */
export function checkLimits(limits: Limits | undefined, pointer: string): void {
  if (limits === undefined) return;
  for (const name of limitNames) {
    const value = Number(limits[name]);
    const lowest = name === 'idleSeconds' ? -1 : 0;
    if (value < lowest || value > ceilings[name]) throw limitInvalid(`${pointer}/${name}`);
  }
}

/** A run's own limits where it states them, its role's elsewhere. */
export function mergeLimits(role: Limits | undefined, run: Limits | undefined): Limits {
  const merged: Record<string, number | bigint> = {};
  for (const name of limitNames) merged[name] = run?.[name] || role?.[name] || (name.endsWith('Bytes') ? 0n : 0);
  return create(LimitsSchema, merged as MessageInitShape<typeof LimitsSchema>);
}

/** Whether a run asks for more than its role grants: a higher bound, or none where there is one. */
export function raises(granted: number | bigint | undefined, asked: number | bigint | undefined): boolean {
  if (!granted || !asked || granted < 0) return false;
  return asked < 0 || asked > granted;
}
