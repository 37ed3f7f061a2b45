import { describe, expect, test } from '@jest/globals';
import { denied, seccompBytes, seccompFilter } from './seccomp.ts';
import { assemble, decisionTree, type Instruction, ifEqual, label, ret, verdict } from './seccomp-program.ts';
import { type Machine, syscallNumbers } from './syscalls.ts';

/** What the kernel does with a program and one call: linux/filter.h in eight lines. */
function judge(program: readonly Instruction[], machine: number, number: number, args: readonly number[] = []): number {
  const words = new Map([[0, number], [4, machine], ...args.map((value, index) => [16 + 8 * index, value] as const)]);
  let a = 0;
  for (let at = 0; at < program.length; at += 1) {
    const { code, jt, jf, k } = program[at] ?? { code: 0x06, jt: 0, jf: 0, k: 0 };
    if (code === 0x20) a = (words.get(k) ?? 0) >>> 0;
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (code === 0x15) at += a === k >>> 0 ? jt : jf;
    else if (code === 0x35) at += a >= k >>> 0 ? jt : jf;
    else if (code === 0x45) at += (a & k) !== 0 ? jt : jf;
    else if (code === 0x06) return k >>> 0;
    else throw new Error(`no such instruction ${code}`);
  }
  throw new Error('a program that ends without a verdict');
}

const machines: readonly [Machine, number][] = [
  ['x64', 0xc000003e],
  ['arm64', 0xc00000b7],
];
const argued = ['clone', 'clone3', 'personality', 'ioctl', 'socket', 'socketpair'];
const perm = verdict.errno(1);

describe.each(machines)('the filter of %s', (machine, arch) => {
  const program = seccompFilter(machine);
  const numbers = syscallNumbers(machine);
  const call = (name: string, ...args: number[]): number => judge(program, arch, numbers.get(name) ?? -1, args);
  const deniedNames = new Set(Object.values(denied).flatMap((names) => names.split(' ')));

  test('denies every denied call, allows every other one it knows, and knows no further', () => {
    const wrong = [...numbers].filter(([name, number]) => {
      if (argued.includes(name)) return false;
      return judge(program, arch, number) !== (deniedNames.has(name) ? perm : verdict.allow);
    });
    expect(wrong).toEqual([]);
    const known = new Set(numbers.values());
    for (let number = 0; number < 1200; number += 1) {
      if (!known.has(number)) expect(judge(program, arch, number)).toBe(verdict.errno(38));
    }
  });

  test.each([0x40000000, 0x40000027, 0xffffffff, 0x7fffffff])('does not know number %i', (number) => {
    expect(judge(program, arch, number)).toBe(verdict.errno(38));
  });

  test.each([0x40000003, 0x40000028, 0xc0000015, 0])('kills a call of machine %i', (foreign) => {
    expect(judge(program, foreign, 0)).toBe(verdict.killProcess);
  });

  test.each([
    ['a thread', 0x3d0f00, verdict.allow],
    ['a child', 17, verdict.allow],
    ['mounts', 0x00020000, perm],
    ['cgroups', 0x02000000, perm],
    ['host names', 0x04000000, perm],
    ['queues', 0x08000000, perm],
    ['users', 0x10000000, perm],
    ['processes', 0x20000000, perm],
    ['networks', 0x40000000, perm],
  ])('judges a clone for %s', (_, flags, answer) => {
    expect(call('clone', flags)).toBe(answer);
  });

  test.each([
    ['stream', [1, 1, 0], verdict.allow],
    ['TCP', [2, 1, 0], verdict.allow],
    ['TCP without blocking', [2, 0x80801, 6], verdict.allow],
    ['UDP', [10, 2, 17], verdict.allow],
    ['route netlink', [16, 0x80003, 0], verdict.allow],
    ['raw', [2, 3, 255], perm],
    ['raw without blocking', [10, 0x803, 58], perm],
    ['SOCK_PACKET', [2, 10, 3], perm],
    ['ping', [2, 2, 1], verdict.errno(93)],
    ['SCTP', [2, 1, 132], verdict.errno(93)],
    ['audit netlink', [16, 3, 9], perm],
    ['packet', [17, 3, 0], verdict.errno(97)],
    ['vsock', [40, 1, 0], verdict.errno(97)],
    ['bluetooth', [31, 5, 1], verdict.errno(97)],
    ['crypto', [38, 5, 0], verdict.errno(97)],
  ] as const)('judges a %s socket', (_, args, answer) => {
    expect(call('socket', ...args)).toBe(answer);
  });

  test('judges the other calls by their arguments', () => {
    expect(call('clone3')).toBe(verdict.errno(38));
    expect([0, 0xffffffff, 0x40000].map((persona) => call('personality', persona))).toEqual([
      verdict.allow,
      verdict.allow,
      perm,
    ]);
    expect([0x5401, 0x5412, 0x541c, 0x5423].map((request) => call('ioctl', 0, request))).toEqual([
      verdict.allow,
      perm,
      perm,
      perm,
    ]);
    expect([1, 2].map((family) => call('socketpair', family))).toEqual([verdict.allow, verdict.errno(97)]);
  });

  test('names only calls that exist on some machine', () => {
    const everywhere = new Set(machines.flatMap(([each]) => [...syscallNumbers(each).keys()]));
    expect([...deniedNames, ...argued].filter((name) => !everywhere.has(name))).toEqual([]);
  });

  test('is eight bytes an instruction, little-endian', () => {
    const bytes = seccompBytes(machine);
    expect(bytes.length).toBe(program.length * 8);
    expect(Array.from(bytes.subarray(0, 8))).toEqual([0x20, 0, 0, 0, 4, 0, 0, 0]);
  });
});

describe('numbers', () => {
  test.each([
    [
      'x64',
      {
        read: 0,
        clone: 56,
        ptrace: 101,
        mount: 165,
        unshare: 272,
        bpf: 321,
        rseq: 334,
        clone3: 435,
        landlock_create_ruleset: 444,
      },
    ],
    [
      'arm64',
      { io_setup: 0, mount: 40, read: 63, unshare: 97, ptrace: 117, clone: 220, wait4: 260, bpf: 280, clone3: 435 },
    ],
  ] as const)('of %s are those of its kernel headers', (machine, expected) => {
    const numbers = syscallNumbers(machine);
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, numbers.get(name)]))).toEqual(expected);
  });
});

describe('the assembler', () => {
  test('refuses a jump backwards or to nowhere', () => {
    expect(() => assemble([ifEqual(1, 'gone'), ret(0)])).toThrow('no way to jump');
    expect(() => assemble([label('back'), ret(0), ifEqual(1, 'back')])).toThrow('no way to jump');
  });

  test('reaches further than a short jump', () => {
    const runs = Array.from({ length: 700 }, (_, first) => ({ first, block: assemble([ret(first)]) }));
    const program = [{ code: 0x20, jt: 0, jf: 0, k: 0 }, ...decisionTree(runs)];
    for (const number of [0, 1, 255, 256, 349, 350, 699, 5000])
      expect(judge(program, 0, number)).toBe(Math.min(number, 699));
  });
});
