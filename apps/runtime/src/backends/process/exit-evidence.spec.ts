import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { measure } from './disk-watch.ts';
import { readExit } from './exit-evidence.ts';

const aFolder = (files: Readonly<Record<string, string>>): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sally-exit-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
};

const child = '{ "child-pid": 41, "net-namespace": 7 }\n';

describe('readExit', () => {
  test.each([
    ['a code', { status: `${child}{ "exit-code": 7 }\n`, ended: '7\n' }, 0, { code: 7, oom: false, deadline: false }],
    [
      'a code without the keeper',
      { status: `${child}{ "exit-code": 0 }\n` },
      0,
      { code: 0, oom: false, deadline: false },
    ],
    [
      'a program that exits as the timer would',
      { status: '{ "exit-code": 124 }', ended: '124\n' },
      0,
      { code: 124, oom: false, deadline: false },
    ],
    [
      'a kill for memory',
      { status: '{ "exit-code": 137 }', ended: '137\n' },
      1,
      { code: 137, oom: true, deadline: false },
    ],
    [
      'a kill for memory that was survived',
      { status: '{ "exit-code": 0 }', ended: '0\n' },
      2,
      { code: 0, oom: false, deadline: false },
    ],
    [
      'a kill for memory that took bubblewrap',
      { status: child, ended: '137\n' },
      1,
      { code: 137, oom: true, deadline: false },
    ],
    ['the deadline', { status: child, ended: '124\n' }, 0, { code: 137, oom: false, deadline: true }],
  ])('tells %s', async (_, files, kills, exit) => {
    const group = aFolder({ 'memory.events': `low 0\noom 3\noom_kill ${kills}\n` });
    expect(await readExit(aFolder(files), [group])).toEqual({ state: 'exited', ...exit });
  });

  test.each([
    ['nothing', {}],
    ['a keeper whose bubblewrap was killed', { status: child, ended: '137\n' }],
    ['a status cut short', { status: '{ "exit-co' }],
  ])('calls it lost when there is %s', async (_, files) => {
    expect(await readExit(aFolder(files), ['/no/such/group'])).toEqual({ state: 'lost' });
  });

  test('reads kills of a v1 group', async () => {
    const group = aFolder({ 'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n' });
    expect(await readExit(aFolder({ status: '{ "exit-code": 1 }' }), [group])).toMatchObject({ oom: true });
  });
});

describe('measure', () => {
  test('adds up files and folders and follows no link', async () => {
    const directory = aFolder({ a: 'x'.repeat(9000) });
    mkdirSync(join(directory, 'd'));
    symlinkSync('/usr', join(directory, 'usr'));
    const { bytes, files } = await measure([directory]);
    expect(files).toBe(3);
    expect(bytes).toBeGreaterThanOrEqual(9000);
    expect(bytes).toBeLessThan(64 * 1024);
  });

  test('stops once it has seen enough, and takes a missing folder for an empty one', async () => {
    const directory = aFolder(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, ''])));
    expect((await measure([directory], { bytes: 1e9, files: 10 })).files).toBe(11);
    expect(await measure(['/no/such/folder'])).toEqual({ bytes: 0, files: 0 });
  });
});
