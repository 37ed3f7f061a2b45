import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { callers } from './access.ts';
import { auditKinds } from './audit-kinds.ts';
import { sessionOf } from './call.ts';
import { canonicalHash, canonicalJson } from './canonical.ts';
import { Fault, faultCode } from './fault.ts';
import type { Call } from './gate.ts';
import { idFrom, idPrefixes, isId, isSlug, newId, uuid7 } from './ids.ts';
import { defineMachine } from './machine.ts';

describe('Fault', () => {
  test('keeps a thrown Fault and hides everything else', () => {
    const fault = new Fault('not_found', 'x.y', 'text', { id: '1' });
    expect(Fault.from(fault)).toBe(fault);
    const bug = new TypeError('secret path');
    expect(Fault.from(bug)).toMatchObject({
      code: 'internal',
      reason: 'core.internal',
      cause: bug,
      message: expect.not.stringContaining('secret'),
    });
  });

  test.each([
    ['unavailable', true],
    ['aborted', true],
    ['not_found', false],
    ['permission_denied', false],
  ] as const)('%s may be tried again: %s', (code, retryable) => {
    expect(new Fault(code, 'x.y', '').retryable).toBe(retryable);
  });

  test('takes an unknown code for internal', () => {
    expect(faultCode('nonsense')).toBe('internal');
  });
});

describe('defineMachine', () => {
  const door = defineMachine({ open: { shut: 'closed' }, closed: { lift: 'open', lock: 'locked' }, locked: {} });

  test('moves along the table and nowhere else', () => {
    expect(door.next('open', 'shut')).toBe('closed');
    expect(door.next('open', 'lock')).toBeUndefined();
    expect(door.allowed('closed')).toEqual(['lift', 'lock']);
    expect(door.isTerminal('locked')).toBe(true);
  });

  test('draws itself', () => {
    expect(door.toMermaid()).toBe(
      'stateDiagram-v2\n  open --> closed: shut\n  closed --> open: lift\n  closed --> locked: lock\n  locked --> [*]',
    );
  });
});

describe('ids', () => {
  test('sort by time of creation and are recognised', () => {
    const ids = [1, 2, 3, 1_000_000_000_000].map((ms) => newId('run', ms));
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => isId('run', id))).toBe(true);
    expect(isId('task', ids[0]!)).toBe(false);
    expect(isId('run', 'run_../../etc/passwd')).toBe(false);
  });

  test('of a name stay what they are', () => {
    expect(idFrom('firing', 'a name')).toBe('fir_1px5p64rsp2fbfhtc98e1gxne5');
  });

  test('are never given out twice', () => {
    const ids = Array.from({ length: 10_000 }, () => newId('run', 1));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('carry the version and variant of RFC 9562', () => {
    expect(uuid7(Date.UTC(2026, 0, 1))).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('have a prefix each', () => {
    expect(new Set(Object.values(idPrefixes)).size).toBe(Object.keys(idPrefixes).length);
  });

  test.each([
    ['a', true],
    ['a-b', true],
    ['', false],
    ['-a', false],
    ['a-', false],
    ['A', false],
    ['a.b', false],
    ['a/b', false],
    ['*', false],
    ['a'.repeat(64), false],
  ])('slug %j: %s', (text, ok) => {
    expect(isSlug(text)).toBe(ok);
  });
});

describe('canonical JSON', () => {
  test('is one text per value (RFC 8785 section 3.2.2)', () => {
    expect(canonicalJson({ b: [1e21, 'é'], a: null })).toBe('{"a":null,"b":[1e+21,"é"]}');
    expect(canonicalHash({ a: 1, b: 2 })).toBe(canonicalHash({ b: 2, a: 1 }));
  });
});

describe('sessionOf', () => {
  test('refuses a handler whose row does not demand the claims', () => {
    expect(() => sessionOf({ claims: undefined } as Call)).toThrow(
      expect.objectContaining({ reason: 'core.access_row' }),
    );
  });
});

describe('audit kinds', () => {
  test('each belong to a caller of the bus', () => {
    expect(Object.values(auditKinds).every((owner) => callers.includes(owner))).toBe(true);
  });
});

describe('core', () => {
  test('imports no framework', () => {
    for (const file of ['fault', 'machine', 'access', 'claims', 'gate', 'ids', 'clock', 'canonical']) {
      expect(readFileSync(new URL(`${file}.ts`, import.meta.url), 'utf8')).not.toMatch(
        /from '@(?:nestjs|nats-io)|from 'pg'/,
      );
    }
  });
});
