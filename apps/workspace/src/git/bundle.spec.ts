import { describe, expect, test } from '@jest/globals';
import { chooseRef, parseBundle } from './bundle.ts';
import { isRefName } from './git-dir.ts';

const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
const header = (...lines: string[]) =>
  parseBundle(Buffer.from(`# v2 git bundle\n${lines.map((line) => `${line}\n`).join('')}\nPACK`));

describe('chooseRef', () => {
  const parsed = header(`${a} refs/heads/dev`, `${b} refs/heads/main`, `${a} refs/tags/v1`, `${b} HEAD`);
  test.each([
    ['', { oid: b, branch: 'main' }],
    ['dev', { oid: a, branch: 'dev' }],
    ['refs/heads/dev', { oid: a, branch: 'dev' }],
    ['v1', { oid: a, branch: 'dev' }],
  ])('takes %j', (asked, chosen) => {
    expect(chooseRef(parsed, asked)).toEqual(chosen);
  });

  test('falls back to main for a HEAD that is on no branch', () => {
    expect(chooseRef(header(`${a} HEAD`), '')).toEqual({ oid: a, branch: 'main' });
  });

  test.each(['nope', 'HEAD~1'])('refuses %j', (asked) => {
    expect(() => chooseRef(parsed, asked)).toThrow(expect.objectContaining({ reason: 'workspace.ref_unknown' }));
  });
});

describe('parseBundle', () => {
  test('passes over the heads of other worktrees', () => {
    const { refs } = header(`${a} worktrees/other/HEAD`, `${b} HEAD`);
    expect([...refs.keys()]).toEqual(['HEAD']);
  });
});

describe('isRefName', () => {
  test.each(['refs/heads/main', 'refs/heads/feature/x', 'refs/tags/v1.0'])('takes %s', (name) =>
    expect(isRefName(name)).toBe(true),
  );
  test.each([
    'HEAD',
    'refs',
    'refs/heads',
    'refs/heads/',
    'refs/heads/../x',
    'refs/heads/.x',
    'refs/heads/x.lock',
    'refs/heads/x.',
    'refs/heads/a b',
    'refs/heads/a~1',
    'refs/heads/@{u}',
    'refs//x',
    '-x',
    'config',
    'refs/heads/a\u0001',
  ])('refuses %j', (name) => expect(isRefName(name)).toBe(false));
});
