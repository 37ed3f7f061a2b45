import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sallyport/core/fault';
import * as faults from './faults.ts';
import * as inputFaults from './inputs/input-faults.ts';
import * as triggerFaults from './trigger-faults.ts';

const functions = { ...faults, ...inputFaults, ...triggerFaults };

/** One fault per function, whatever its arguments. */
function raised(): ReadonlyMap<string, string> {
  const make = Object.values(functions) as unknown as ((...args: unknown[]) => Fault)[];
  return new Map(make.map((each) => each('x', 'y', ['z'])).map(({ reason, code }) => [reason, code]));
}

function documented(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('../../../docs/faults/scheduler.md', import.meta.url), 'utf8');
  return new Map(
    [...text.matchAll(/^\| `(scheduler\.[a-z_]+)` \| ([a-z_]+) \|/gm)].map(([, reason, code]) => [
      reason ?? '',
      code ?? '',
    ]),
  );
}

describe('the scheduler’s faults', () => {
  test('are documented with their codes, and nothing else is', () => {
    expect(Object.fromEntries(raised())).toEqual(Object.fromEntries(documented()));
  });

  test('have one function per reason', () => {
    expect(raised().size).toBe(Object.keys(functions).length);
  });
});
