import { describe, expect, test } from '@jest/globals';
import { isStorablePath } from './entry-name.ts';

describe('isStorablePath', () => {
  test.each([
    'a',
    'a/b.txt',
    '.gitignore',
    '.github/x',
    'git',
    '...',
    'a:b',
    ':x',
    ' ',
    'gitmodules',
    'ü/ß',
    '.gitx',
    'git~2',
  ])('takes %j', (path) => {
    expect(isStorablePath(path)).toBe(true);
  });

  const refused = [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '.git',
    '.GIT/config',
    'a/.Git/b',
    'git~1',
    'GIT~1/x',
    '.git.',
    '.git ',
    '.git . .',
    '.git:stream',
    '.git::$INDEX_ALLOCATION',
    'a\\.git',
    '.git\\config',
    '.g\u200cit',
    '\ufeff.git',
    '.gi\u206at',
    'a\0b',
  ];
  test.each(refused)('refuses %j', (path) => {
    expect(isStorablePath(path)).toBe(false);
  });
});
