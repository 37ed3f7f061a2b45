import { describe, expect, test } from '@jest/globals';
import { gitFileOf, isGitDirName, isUnsafeGitFile } from './entry-name.ts';

const latin1 = (name: string): string => Buffer.from(name).toString('latin1');

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
  ])('knows %j', (name) => expect(isGitDirName(latin1(name))).toBe(true));
  test.each(['git', '.gitignore', '.github', 'a.git', '.git-x', 'git~2', 'readme', 'ünï', '.g it'])(
    'lets %j be',
    (name) => {
      expect(isGitDirName(latin1(name))).toBe(false);
    },
  );
});

describe('gitFileOf', () => {
  test.each([
    ['.gitmodules', 'gitmodules'],
    ['.GITMODULES', 'gitmodules'],
    ['.gitmodules ', 'gitmodules'],
    ['.gitmodules:$DATA', 'gitmodules'],
    ['GITMOD~1', 'gitmodules'],
    ['gi7eba~1', 'gitmodules'],
    ['.gitattributes', 'gitattributes'],
    ['gitatt~2', 'gitattributes'],
    ['.gitmodules.txt', undefined],
    ['modules', undefined],
  ])('%j is %s', (name, kind) => expect(gitFileOf(latin1(name))).toBe(kind));
});

describe('isUnsafeGitFile', () => {
  const good = '[submodule "lib/x"]\n\tpath = lib/x\n\turl = https://example.org/x.git\r\n\tbranch = main\n';
  test.each([
    ['an ordinary file', good, false],
    ['a url that is an option', good.replace('https', '--https'), true],
    ['a quoted url that is an option', 'url = "-x"', true],
    ['a path that is an option', 'path = -x', true],
    ['an encoded newline', 'url = https://example.org/%0ax', true],
    ['an escaped newline', 'url = "https://example.org/\\nx"', true],
    ['a control character', 'path = a\u0001b', true],
    ['a carriage return inside', 'path = "a\rb"', true],
    ['an update that runs', 'update = !touch x', true],
    ['a name that climbs', '[submodule "../x"]', true],
    ['a name that climbs inside', '[submodule "a/../../x"]', true],
    ['a name with dots', '[submodule "a..b"]', false],
  ])('.gitmodules with %s', (_what, text, unsafe) => {
    expect(isUnsafeGitFile('gitmodules', Buffer.from(text))).toBe(unsafe);
  });

  test.each([
    [2047, false],
    [2048, true],
  ])('.gitattributes with a line of %d', (length, unsafe) => {
    expect(isUnsafeGitFile('gitattributes', Buffer.from(`* text\n${'a'.repeat(length)}\n`))).toBe(unsafe);
  });
});
