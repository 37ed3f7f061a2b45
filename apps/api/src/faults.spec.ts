import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sallyport/core/fault';
import * as faults from './faults.ts';

const { InvalidRequest, ...makers } = faults;

/** One fault per function, whatever its arguments. */
function raised(): ReadonlyMap<string, string> {
  const made = (Object.values(makers) as unknown as ((...args: unknown[]) => Fault)[]).map((make) =>
    make('x', 'y', true),
  );
  return new Map([new InvalidRequest([]), ...made].map(({ reason, code }) => [reason, code]));
}

function documented(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('../../../docs/faults/api.md', import.meta.url), 'utf8');
  return new Map(
    [...text.matchAll(/^\| `(api\.[a-z_]+)` \| ([a-z_]+) \|/gm)].map(([, reason, code]) => [reason ?? '', code ?? '']),
  );
}

describe("the API's faults", () => {
  test('are documented with their codes, and nothing else is', () => {
    expect(Object.fromEntries(raised())).toEqual(Object.fromEntries(documented()));
  });

  test('have one function per reason', () => {
    expect(raised().size).toBe(Object.keys(makers).length + 1);
  });
});
