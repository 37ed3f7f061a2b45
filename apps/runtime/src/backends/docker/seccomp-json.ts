/**
 * The system call filter of the process backend, as the profile a container engine takes.
 *
 * Same calls, same closed form: allowed is what is named here, with the arguments named here; everything else is EPERM, or
 * ENOSYS where libc must fall back. Arguments are compared by their low half alone, which is all the kernel uses of an int: an
 * upper half that a program sets to slip past a comparison changes nothing.
 */

import { denied } from '../process/seccomp.ts';
import { type Machine, syscallNumbers } from '../process/syscalls.ts';

interface Argument {
  readonly index: number;
  readonly op: 'SCMP_CMP_MASKED_EQ';
  /** The mask. */
  readonly value: number;
  /** What the masked argument must be. */
  readonly valueTwo: number;
}

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly Argument[];
}

export interface EngineProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

const errno = { EPERM: 1, ENOSYS: 38 } as const;
const architectures: Readonly<Record<Machine, string>> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };
const word = 0xffffffff;

const masked = (index: number, mask: number, value: number): Argument => ({
  index,
  op: 'SCMP_CMP_MASKED_EQ',
  value: mask,
  valueTwo: value,
});
const is = (index: number, value: number): Argument => masked(index, word, value);
const allow = (name: string, ...args: readonly Argument[]): Rule => ({ names: [name], action: 'SCMP_ACT_ALLOW', args });

/**
 * Blocks of 32-bit values, each a mask and what is under it, that together are every value but the excluded ones. A profile can
 * say "equal under a mask" but not "none of these", and two comparisons of one argument in one rule are taken as alternatives.
 */
export function allBut(excluded: readonly number[]): readonly { readonly mask: number; readonly value: number }[] {
  const blocks: { mask: number; value: number }[] = [];
  const split = (value: number, bits: number, inside: readonly number[]): void => {
    const mask = bits === 0 ? 0 : (word << (32 - bits)) >>> 0;
    if (inside.length === 0) blocks.push({ mask, value });
    else if (bits < 32) {
      const bit = (1 << (31 - bits)) >>> 0;
      split(
        value,
        bits + 1,
        inside.filter((each) => (each & bit) === 0),
      );
      split(
        (value | bit) >>> 0,
        bits + 1,
        inside.filter((each) => (each & bit) !== 0),
      );
    }
  };
  split(0, 0, excluded);
  return blocks;
}

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaceFlags = 0x7e020000;
/** TIOCSTI, TIOCLINUX and TIOCSETD. */
const typingIoctls = [0x5412, 0x541c, 0x5423];
const unix = 1;
const internet = [2, 10];
const netlink = 16;
const streamOrDatagram = [1, 2];
const tcpOrUdpOrUsual = [0, 6, 17];

/** Calls that are allowed with some arguments only. */
const argued: readonly Rule[] = [
  allow('clone', masked(0, namespaceFlags, 0)),
  allow('personality', is(0, 0)),
  allow('personality', is(0, word)),
  ...allBut(typingIoctls).map(({ mask, value }) => allow('ioctl', masked(1, mask, value))),
  allow('socket', is(0, unix)),
  allow('socket', is(0, netlink), is(2, 0)),
  ...internet.flatMap((domain) =>
    streamOrDatagram.flatMap((type) =>
      tcpOrUdpOrUsual.map((protocol) => allow('socket', is(0, domain), masked(1, 0xf, type), is(2, protocol))),
    ),
  ),
  allow('socketpair', is(0, unix)),
];

/** The profile for a machine. */
export function engineProfile(machine: Machine): EngineProfile {
  const withArguments = new Set(argued.flatMap(({ names }) => names));
  const refused = new Set([...Object.values(denied).flatMap((names) => names.split(' ')), 'clone3']);
  const free = [...syscallNumbers(machine).keys()].filter((name) => !withArguments.has(name) && !refused.has(name));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: errno.EPERM,
    architectures: [architectures[machine]],
    syscalls: [
      { names: free.toSorted(), action: 'SCMP_ACT_ALLOW' },
      ...argued,
      // Its flags lie in memory, where a filter cannot look; libc falls back to clone.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: errno.ENOSYS },
    ],
  };
}
