/**
 * The system calls a sandbox has.
 *
 * Closed in both directions: a call is allowed because its name is in the table and no rule denies it; a number the table does
 * not know does not exist (ENOSYS), whatever kernel runs. Denied are what Docker's default profile denies an unprivileged
 * container, and on top of it ptrace, io_uring, raw and exotic sockets, and new terminals' injection ioctls. Another machine's
 * calls (i386 through `int 0x80`) kill; x32 numbers are above the table.
 */

import {
  and,
  assemble,
  decisionTree,
  encode,
  field,
  type Instruction,
  ifAny,
  ifEqual,
  label,
  load,
  type Run,
  ret,
  unlessEqual,
  verdict,
} from './seccomp-program.ts';
import { type Machine, syscallNumbers } from './syscalls.ts';

const errno = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 } as const;

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h. */
const machines: Readonly<Record<Machine, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Why a call is denied, and the calls. */
export const denied: Readonly<Record<string, string>> = {
  'changes what is mounted':
    'mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr statmount listmount',
  'enters or makes namespaces': 'setns unshare',
  'changes the kernel or the machine':
    'bpf perf_event_open kexec_load kexec_file_load init_module finit_module delete_module create_module query_module ' +
    'get_kernel_syms reboot swapon swapoff syslog acct quotactl quotactl_fd nfsservctl lookup_dcookie uselib ustat sysfs ' +
    '_sysctl iopl ioperm modify_ldt vhangup vserver sethostname setdomainname lsm_set_self_attr fanotify_init fanotify_mark',
  'sets the clock': 'settimeofday clock_settime clock_adjtime adjtimex',
  'reads keys that no namespace holds': 'add_key request_key keyctl',
  'reaches into other processes':
    'ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise move_pages migrate_pages',
  'opens files around the path': 'open_by_handle_at',
  'has a record of kernel holes': 'io_uring_setup io_uring_enter io_uring_register userfaultfd',
  'places memory on machines': 'mbind set_mempolicy get_mempolicy set_mempolicy_home_node',
};

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaceFlags = 0x7e020000;
const allow = ret(verdict.allow);
const refuse = (number: number) => ret(verdict.errno(number));

/** Calls whose answer depends on their arguments. */
const argued: Readonly<Record<string, readonly Instruction[]>> = {
  clone: assemble([load(field.argument(0)), ifAny(namespaceFlags, 'deny'), allow, label('deny'), refuse(errno.EPERM)]),
  // Its flags lie in memory, where a filter cannot look; libc falls back to clone.
  clone3: assemble([refuse(errno.ENOSYS)]),
  personality: assemble([
    load(field.argument(0)),
    ifEqual(0, 'ok'),
    ifEqual(0xffffffff, 'ok'),
    refuse(errno.EPERM),
    label('ok'),
    allow,
  ]),
  // TIOCSTI and TIOCLINUX type into a terminal; TIOCSETD loads line disciplines.
  ioctl: assemble([
    load(field.argument(1)),
    ifEqual(0x5412, 'deny'),
    ifEqual(0x541c, 'deny'),
    ifEqual(0x5423, 'deny'),
    allow,
    label('deny'),
    refuse(errno.EPERM),
  ]),
  // Unix; TCP and UDP over IPv4 and IPv6; and the routing netlink that getifaddrs reads.
  socket: assemble([
    load(field.argument(0)),
    ifEqual(1, 'ok'),
    ifEqual(2, 'internet'),
    ifEqual(10, 'internet'),
    ifEqual(16, 'netlink'),
    refuse(errno.EAFNOSUPPORT),
    label('internet'),
    load(field.argument(1)),
    and(0xf),
    ifEqual(1, 'protocol'),
    ifEqual(2, 'protocol'),
    refuse(errno.EPERM),
    label('protocol'),
    load(field.argument(2)),
    ifEqual(0, 'ok'),
    ifEqual(6, 'ok'),
    ifEqual(17, 'ok'),
    refuse(errno.EPROTONOSUPPORT),
    label('netlink'),
    load(field.argument(2)),
    ifEqual(0, 'ok'),
    refuse(errno.EPERM),
    label('ok'),
    allow,
  ]),
  socketpair: assemble([
    load(field.argument(0)),
    unlessEqual(1, 'deny'),
    allow,
    label('deny'),
    refuse(errno.EAFNOSUPPORT),
  ]),
};

const sameBlock = (a: readonly Instruction[], b: readonly Instruction[]): boolean =>
  a.length === 1 && b.length === 1 && a[0]?.k === b[0]?.k;

/** The filter of a machine, as instructions. */
export function seccompFilter(machine: Machine): Instruction[] {
  const allowed = assemble([allow]);
  const perm = assemble([refuse(errno.EPERM)]);
  const unknown = assemble([refuse(errno.ENOSYS)]);
  const deniedNames = new Set(Object.values(denied).flatMap((names) => names.split(' ')));
  const blocks = new Map<number, readonly Instruction[]>();
  for (const [name, number] of syscallNumbers(machine)) {
    blocks.set(number, argued[name] ?? (deniedNames.has(name) ? perm : allowed));
  }
  const runs: Run[] = [];
  const end = Math.max(...blocks.keys()) + 1;
  for (let number = 0; number <= end; number += 1) {
    const block = blocks.get(number) ?? unknown;
    const last = runs.at(-1);
    if (last === undefined || !sameBlock(last.block, block)) runs.push({ first: number, block });
  }
  return [
    ...assemble([
      load(field.machine),
      ifEqual(machines[machine], 'ours'),
      ret(verdict.killProcess),
      label('ours'),
      load(field.number),
    ]),
    ...decisionTree(runs),
  ];
}

/** The filter of a machine, as bubblewrap takes it. */
export const seccompBytes = (machine: Machine): Uint8Array => encode(seccompFilter(machine));
