import { describe, expect, test } from '@jest/globals';
import { disguises, isGitDirName } from './git-name.ts';

describe('isGitDirName', () => {
  test.each([
    '.git',
    '.GIT',
    '.gIt',
    'git~1',
    'GIT~1',
    '.git.',
    '.git ',
    '.git. .',
    '.git:x',
    '.git::$INDEX_ALLOCATION',
    'a\\.git',
    '.git\\x',
    '.g\u200cit',
    '.git\ufeff',
    '\u206a.git',
  ])('knows %j', (name) => expect(isGitDirName(name)).toBe(true));

  test.each(['', '.', 'git', '.gitignore', '.github', 'a.git', '.git-x', 'git~2', 'readme', 'ünï', '.g it'])(
    'lets %j be',
    (name) => expect(isGitDirName(name)).toBe(false),
  );
});

describe('disguises', () => {
  test('names every form a component has elsewhere', () => {
    expect(disguises('A\\.GitModules:$DATA')).toEqual(['a\\.gitmodules:$data', 'a', '.gitmodules']);
  });
});
