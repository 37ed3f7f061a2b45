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

  test('finds writable control groups of version 2, its own or the top', () => {
    writeFileSync(join(root, 'cgroup.controllers'), '');
    mkdirSync(join(root, 'user.slice'));
    expect(checkCgroup(root, '0::/user.slice\n').state).toBe('ok');
    expect(checkCgroup(root, '0::/../../elsewhere\n').state).toBe('ok');
    expect(checkCgroup(root, '0::/gone\n')).toMatchObject({
      state: 'warn',
      found: expect.stringContaining('is missing'),
    });
  });

  test('finds control groups of version 1, every one that is needed', () => {
    for (const name of ['memory', 'pids']) mkdirSync(join(root, name));
    expect(checkCgroup(root, '').state).toBe('warn');
    mkdirSync(join(root, 'cpu'));
    expect(checkCgroup(root, '')).toMatchObject({ state: 'ok', found: 'version 1, writable' });
  });

  test('looks at the disk that holds the data', () => {
    expect(['ok', 'warn', 'fail']).toContain(checkDisk(root).state);
  });
});
