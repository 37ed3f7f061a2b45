/** What `/proc` says of a process, read anew each time. */

import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process that a reused pid cannot be mistaken for. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which the kernel started it. */
  readonly startTime: number;
}

/** The system's word for a failure, as `ENOENT`. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

const isCode = (error: unknown, ...codes: readonly string[]): boolean => codes.includes(errorCode(error) ?? '');

/** Whether an error says that the file, or the process or control group behind it, is gone. */
export const isGone = (error: unknown): boolean => isCode(error, 'ENOENT', 'ESRCH', 'ENODEV');

/** A file's text, or undefined when there is none; any other failure throws, because not seeing is not absence. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Start time of a live process; undefined when it is gone or only its exit code waits to be collected. */
export async function startTimeOf(pid: number): Promise<number | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command in parentheses may hold anything, so fields are counted from its last parenthesis: state is the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const ticks = Number(fields[19]);
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

/** Whether exactly this process lives. */
export const isAlive = async ({ pid, startTime }: ProcessIdentity): Promise<boolean> =>
  (await startTimeOf(pid)) === startTime;

/** Sends a signal to exactly this process; nothing happens when it is gone. */
export async function signalProcess(process_: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(process_))) return;
  try {
    process.kill(process_.pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** SIGKILL to a process, or to a group by its negative leader; one that is gone is no error. */
export function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Control group of a process as the kernel tells it: that of memory on v1, the only one on v2. */
export async function cgroupOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'latin1');
  return /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1] ?? /^0::(.*)$/m.exec(text)?.[1] ?? '';
}

/** Children of a process's first thread. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readIfThere(`/proc/${pid}/task/${pid}/children`);
  return (text ?? '').trim().split(' ').filter(Boolean).map(Number);
}

const namespaceKinds = ['mnt', 'net', 'pid', 'ipc', 'uts', 'user', 'cgroup'] as const;

/** Inode numbers of a process's namespaces, by kind. */
export async function namespacesOf(pid: number): Promise<Record<string, bigint>> {
  const pairs = await Promise.all(
    namespaceKinds.map(async (kind) => {
      const link = await readlink(`/proc/${pid}/ns/${kind}`);
      return [kind, BigInt(/\[(\d+)\]/.exec(link)?.[1] ?? 0)] as const;
    }),
  );
  return Object.fromEntries(pairs);
}

/** Id of this boot of the machine. */
export async function bootId(): Promise<string> {
  boot ??= (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  return boot;
}

let boot: string | undefined;

/** Effective uid of a process, as seen from here. */
export async function uidOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? -1);
}

/** Every process whose arguments hold a marker as a whole argument and which lives in our own pid namespace. */
export async function processesMarked(prefix: string): Promise<{ readonly pid: number; readonly mark: string }[]> {
  const own = await readlink('/proc/self/ns/pid');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (name) => {
      try {
        const mark = (await readFile(`/proc/${name}/cmdline`, 'utf8'))
          .split('\0')
          .find((word) => word.startsWith(prefix));
        if (mark === undefined) return undefined;
        // Inside a sandbox anybody may call himself anything; only what runs outside is believed.
        return (await readlink(`/proc/${name}/ns/pid`)) === own ? { pid: Number(name), mark } : undefined;
      } catch (error) {
        if (isGone(error) || isCode(error, 'EACCES', 'EPERM')) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((entry) => entry !== undefined);
}

/** Descriptors of this process that whatever it starts would inherit: those it was itself started with. */
export async function inheritedDescriptors(): Promise<number[]> {
  const closeOnExec = 0o2000000;
  const numbers = (await readdir('/proc/self/fd')).map(Number).filter((number) => number > 2);
  const flags = await Promise.all(
    numbers.map(async (number) => {
      const info = await readIfThere(`/proc/self/fdinfo/${number}`);
      return info === undefined ? closeOnExec : Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? '0', 8);
    }),
  );
  return numbers.filter((_, index) => ((flags[index] ?? 0) & closeOnExec) === 0);
}
