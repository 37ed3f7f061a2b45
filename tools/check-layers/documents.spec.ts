import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

describe('the pages of this repository', () => {
  test.each(pages)('%s links to what is there', (page) => {
    const links = [...textOf(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].flatMap(([, link = '']) => link);
    const near = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(near.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

describe('SECURITY.md', () => {
  const rows = [...textOf('SECURITY.md').matchAll(/^\| (\d+) \| (.+) \| (.+) \|$/gm)];

  test('numbers its promises', () => {
    expect(rows.map(([, number]) => Number(number))).toEqual(rows.map((_, index) => index + 1));
  });

  test.each(rows.map(([, number, , tests]) => [number, tests] as const))(
    'promise %s is held by tests that exist',
    (_, tests = '') => {
      const named = [...tests.matchAll(/`([^`]+)`/g)].flatMap(([, path = '']) => path);
      expect(named).not.toEqual([]);
      expect(named.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
    },
  );
});
