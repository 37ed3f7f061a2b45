import { describe, expect, test } from '@jest/globals';
import { profiles, resolveLimits } from '../../profiles/profiles.ts';
import { limitFiles, parseHierarchies } from './cgroups.ts';

const line = (mountPoint: string, type: string, options: string, root = '/'): string =>
  `30 23 0:26 ${root} ${mountPoint} rw,nosuid shared:4 - ${type} cgroup rw,${options}`;

describe('parseHierarchies', () => {
  test('finds the controllers of v1 and the runtime in each', () => {
    const mounts = [
      line('/cg/memory', 'cgroup', 'memory'),
      line('/cg/cpu', 'cgroup', 'cpu,cpuacct'),
      line('/cg/x', 'cgroup', 'freezer'),
    ];
    expect(parseHierarchies(mounts.join('\n'), '4:memory:/a/b\n3:cpu,cpuacct:/c\n1:freezer:/\n')).toEqual([
      { version: 1, controllers: ['memory'], mountPoint: '/cg/memory', own: '/cg/memory/a/b' },
      { version: 1, controllers: ['cpu'], mountPoint: '/cg/cpu', own: '/cg/cpu/c' },
    ]);
  });

  test.each([
    ['at the top', '/', '/user.slice/a', '/cg/user.slice/a'],
    ['below a container', '/docker/1', '/docker/1/app', '/cg/app'],
    ['outside what is mounted', '/docker/1', '/elsewhere', '/cg'],
    ['above its own namespace', '/', '/../up', '/cg'],
  ])('places the runtime on v2 %s', (_, root, path, own) => {
    expect(parseHierarchies(line('/cg', 'cgroup2', 'nsdelegate', root), `0::${path}`)).toMatchObject([
      { version: 2, own: expect.stringMatching(`^${own}/?$`) },
    ]);
  });
});

describe('limitFiles', () => {
  const profile = profiles.get('small');
  if (profile === undefined) throw new Error('no small profile');
  const limits = resolveLimits(profile, undefined);
  const all = ['memory', 'pids', 'cpu'];

  test('bounds memory with swap, processes with ours beside them, and CPU on v2', () => {
    expect(limitFiles(2, all, limits)).toEqual([
      { file: 'memory.max', value: String(256 * 1024 ** 2) },
      { file: 'memory.swap.max', value: '0', optional: true },
      { file: 'pids.max', value: '68' },
      { file: 'cpu.max', value: '50000 100000' },
    ]);
  });

  test('writes memory before memory with swap on v1, as the kernel demands', () => {
    const files = limitFiles(1, all, limits).map(({ file }) => file);
    expect(files).toEqual([
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
      'memory.swappiness',
      'pids.max',
      'cpu.cfs_period_us',
      'cpu.cfs_quota_us',
    ]);
  });

  test('writes only what a hierarchy holds', () => {
    expect(limitFiles(1, ['pids'], limits)).toHaveLength(1);
  });
});
