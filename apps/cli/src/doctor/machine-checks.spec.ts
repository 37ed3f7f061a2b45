import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkCgroup, checkDisk, checkNode, checkTools } from './machine-checks.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sally-doctor-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the doctor', () => {
  test('wants Node 24 and says how to get it', () => {
    expect(checkNode('24.21.0')).toMatchObject({ state: 'ok', next: '' });
    expect(checkNode('20.20.2')).toMatchObject({ state: 'fail', next: expect.stringContaining('npm install') });
  });

  test('names what sandboxes are made with and where to get it', () => {
    for (const tool of ['setpriv', 'nsenter', 'unshare']) writeFileSync(join(root, tool), '');
    expect(checkTools([root])).toMatchObject({ state: 'fail', found: 'missing: ip', next: 'apt-get install iproute2' });
    writeFileSync(join(root, 'ip'), '');
    expect(checkTools([root]).state).toBe('ok');
  });

  const aGroup = (path: string, controllers = 'cpuset cpu io memory pids'): void => {
    mkdirSync(join(root, path), { recursive: true });
    for (const [name, text] of Object.entries({ controllers, procs: '', subtree_control: '' }))
      writeFileSync(join(root, path, `cgroup.${name}`), text);
  };

  test('finds control groups of version 2, its own or the top, that hand on every controller', () => {
    aGroup('', 'memory');
    aGroup('user.slice');
    expect(checkCgroup(root, '0::/user.slice\n').state).toBe('ok');
    expect(checkCgroup(root, '0::/../../elsewhere\n')).toMatchObject({
      state: 'warn',
      found: expect.stringContaining('has no pids, cpu'),
      next: expect.stringContaining('--profile best-effort'),
    });
    expect(checkCgroup(root, '0::/gone\n')).toMatchObject({ state: 'warn', found: expect.stringContaining('missing') });
    aGroup('');
    expect(checkCgroup(root, '0::/gone\n').state).toBe('ok');
  });

  test('a group of version 2 that its user cannot hand on is of no use', () => {
    aGroup('');
    rmSync(join(root, 'cgroup.subtree_control'));
    expect(checkCgroup(root, '0::/\n')).toMatchObject({ state: 'warn', found: expect.stringContaining('writable') });
  });

  test('finds control groups of version 1, every one that is needed', () => {
    for (const name of ['memory', 'pids']) mkdirSync(join(root, name));
    expect(checkCgroup(root, '')).toMatchObject({
      state: 'warn',
      found: expect.stringContaining('missing'),
      next: expect.stringContaining('--profile best-effort'),
    });
    mkdirSync(join(root, 'cpu'));
    expect(checkCgroup(root, '3:memory:/own:odd\n')).toMatchObject({ state: 'ok', found: 'version 1, writable' });
  });

  test('looks at the disk that holds the data', () => {
    expect(['ok', 'warn', 'fail']).toContain(checkDisk(root).state);
  });
});
