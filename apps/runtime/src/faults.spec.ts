import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Fault } from '@sallyport/core/fault';
import * as backendFaults from './backends/backend-faults.ts';
import * as faults from './faults.ts';
import * as mountFaults from './mounts/mount-faults.ts';

const makers = [faults, backendFaults, mountFaults].flatMap((module) => Object.values(module)) as unknown as ((
  ...args: unknown[]
) => Fault)[];

/** One fault per function, whatever its arguments. */
function raised(): ReadonlyMap<string, string> {
  return new Map(makers.map((make) => make('x', 'y', 'z', 'w')).map(({ reason, code }) => [reason, code]));
}

function documented(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('../../../docs/faults/runtime.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(runtime\.[a-z_]+)` \| ([a-z_]+) \|/gm)];
  return new Map(rows.map(([, reason, code]) => [reason ?? '', code ?? '']));
}

describe('the runtime’s faults', () => {
  test('are documented with their codes, and nothing else is', () => {
    expect(Object.fromEntries(raised())).toEqual(Object.fromEntries(documented()));
  });

  test('have one function per reason', () => {
    expect(raised().size).toBe(makers.length);
  });
});
