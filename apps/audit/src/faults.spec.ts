import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Fault } from '@sallyport/core/fault';
import * as faults from './faults.ts';

/** One fault per function, whatever its arguments. */
function raised(): ReadonlyMap<string, string> {
  const make = Object.values(faults) as unknown as ((...args: unknown[]) => Fault)[];
  return new Map(make.map((each) => each('x', 'y')).map(({ reason, code }) => [reason, code]));
}

function documented(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('../../../docs/faults/audit.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(audit\.[a-z_]+)` \| ([a-z_]+) \|/gmu)];
  return new Map(rows.map(([, reason, code]) => [reason ?? '', code ?? '']));
}

/** Raised by the client in each service when audit does not answer. */
const atTheCaller = ['audit.unavailable', 'unavailable'] as const;

describe("audit's faults", () => {
  test('are documented with their codes, and nothing else is', () => {
    expect(Object.fromEntries(documented())).toEqual(Object.fromEntries([...raised(), atTheCaller]));
  });

  test('have one function per reason', () => {
    expect(raised().size).toBe(Object.keys(faults).length);
  });
});
