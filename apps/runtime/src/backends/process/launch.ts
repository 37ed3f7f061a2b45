/** One start, from a spec to a sandbox that waits for the word to go on. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isSlug } from '@sallyport/core/ids';
import type { SandboxSpec } from '../backend.ts';
import { isolationMissing, mountRefused, startFailed } from '../backend-faults.ts';
import { parseStatus } from './exit-evidence.ts';
import type { HostView } from './mount-view.ts';
import { type ProcessIdentity, startTimeOf } from './proc.ts';
import { bubblewrapOptions, type Rootfs } from './rootfs.ts';
import { initPath, keeperScript } from './scripts.ts';

/** A sandbox that takes longer than this to stand is given up. */
const patienceMs = 15_000;

/** Exit codes of the keeper before bubblewrap; they mean that isolation could not be made. */
const keeperFailures: Readonly<Record<number, string>> = {
  97: 'a control group could not be joined',
  98: 'the log pipe could not be made',
};

/** A folder below which a runtime keeps what sandboxes see, as it is called and as it is. */
export interface Root {
  readonly path: string;
  readonly real: string;
}

/** Everything made once per runtime. */
export interface Ground {
  readonly view: HostView;
  readonly rootfs: Rootfs;
  /** File of the system call filter. */
  readonly filter: string;
  readonly root: Root;
  /** Descriptors this process was born with; each is covered in what it starts, so that none reaches a sandbox. */
  readonly inherited: readonly number[];
  /** A descriptor of `/dev/null`, to cover them with. */
  readonly blank: number;
}

export interface Launch {
  readonly spec: SandboxSpec;
  /** Folder of the backend's files of this workload. */
  readonly directory: string;
  readonly ground: Ground;
  readonly uid: number;
  readonly cgroups: readonly string[];
  readonly marker: string;
}

export interface Launched {
  readonly keeper: ProcessIdentity;
  readonly first: ProcessIdentity;
  /** Resolves when the keeper is gone. */
  readonly ended: Promise<void>;
  /** Lets the program run. */
  readonly go: () => void;
}

/** Refuses what may not be bound: a name that is no slug, a folder outside the roots, a way there through a link. */
export async function checkMounts(spec: SandboxSpec, root: Root, unprivileged: boolean): Promise<void> {
  const names = new Set<string>();
  for (const { name } of spec.mounts) {
    if (!isSlug(name)) throw mountRefused(name, 'its name is not a slug');
    if (names.has(name)) throw mountRefused(name, 'its name is taken by another mount');
    names.add(name);
  }
  for (const { name, source } of [...spec.mounts, { name: 'tether', source: spec.tetherDirectory }]) {
    if (!source.startsWith(root.path + sep))
      throw mountRefused(name, 'its folder lies outside the folder of this runtime');
    const real = await realpath(source).catch(() => undefined);
    if (real === undefined) throw mountRefused(name, 'its folder is missing');
    if (real !== root.real + source.slice(root.path.length))
      throw mountRefused(name, 'a link is on the way to its folder');
    if (!(await stat(real)).isDirectory()) throw mountRefused(name, 'it is not a folder');
    if (unprivileged) await letPass(root, source);
  }
}

/**
 * Lets an unprivileged uid pass, without seeing, every folder between a root and what is bound from it. Who may reach the root
 * at all is decided above it, and by the mount view.
 */
async function letPass(root: Root, source: string): Promise<void> {
  for (let path = dirname(source); path.length >= root.path.length; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) === 0) await chmod(path, (mode & 0o7777) | 0o001);
  }
}

/** Arguments of the init stage before the program's own. */
function initArguments({ profile, limits }: SandboxSpec): string[] {
  const kind = profile.cgroup === 'best-effort' ? 'process' : 'group';
  const blocks = Math.ceil(limits.diskBytes / 512);
  const data = Math.ceil(limits.memoryBytes / 1024);
  return [kind, String(profile.openFiles), String(blocks), String(limits.pids), String(data)];
}

/** Makes the workload's folder with bubblewrap's options in it; what an earlier attempt left there goes first. */
export async function prepareFiles(spec: SandboxSpec, directory: string, ground: Ground): Promise<void> {
  const options = bubblewrapOptions(spec, ground.rootfs, (path) => ground.view.see(path));
  if (options.some((option) => option.includes('\0'))) throw new Error('a sandbox option holds a NUL');
  await mkdir(spec.directory, { recursive: true });
  await mkdir(directory, { mode: 0o700 }).catch(async () => {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { mode: 0o700 });
  });
  await writeFile(join(directory, 'options'), options.map((option) => `${option}\0`).join(''), { mode: 0o600 });
}

function spawnKeeper({ spec, directory, ground, uid, cgroups, marker }: Launch): ChildProcess {
  const { view, filter, inherited, blank } = ground;
  const inside = ['/bin/sh', initPath, ...initArguments(spec), ...spec.argv];
  const before = [
    String(spec.deadlineSeconds),
    view.namespace,
    String(uid),
    filter,
    String(cgroups.length),
    ...cgroups,
  ];
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'ignore', 'pipe', 'pipe'];
  for (const descriptor of inherited.filter((number) => number > 3)) {
    while (stdio.length < descriptor) stdio.push('ignore');
    stdio[descriptor] = blank;
  }
  return spawn('/bin/sh', ['-c', keeperScript, marker, ...before, ...inside], {
    cwd: directory,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
    stdio,
  });
}

/** What the start said before it failed, as one line. */
const oneLine = (text: string): string => text.trim().split('\n').join('; ').slice(0, 500);

/** Kills a start that did not come up: the keeper's process group, with which the sandbox dies. */
export function abandon(keeper: ChildProcess): void {
  try {
    if (keeper.pid !== undefined) process.kill(-keeper.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/**
 * Starts a sandbox up to the moment before its program is executed.
 *
 * The init stage waits for the runtime's word, so what is read of the processes here is read while they surely live, and no
 * program runs that nobody took note of.
 */
export async function launch(job: Launch): Promise<Launched> {
  const { spec, directory } = job;
  const keeper = spawnKeeper(job);
  const wire = keeper.stdio[3];
  if (!(wire instanceof Socket)) throw new Error('a pipe of a child is a socket');
  let said = '';
  keeper.stderr?.on('data', (bytes: Buffer) => {
    if (said.length < 4096) said += bytes.toString('utf8');
  });
  // A broken wire shows as the keeper's end, which is waited for anyway.
  wire.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    keeper.once('exit', () => resolve());
    keeper.once('error', (error) => {
      said += String(error);
      resolve();
    });
  });
  const stop = new AbortController();
  const came = await Promise.race([
    once(wire, 'data', { signal: stop.signal }).then(
      () => true,
      () => false,
    ),
    ended.then(() => false),
    delay(patienceMs, false, { signal: stop.signal, ref: false }).catch(() => false),
  ]);
  stop.abort();
  const status = parseStatus(await readFile(join(directory, 'status'), 'latin1').catch(() => ''));
  if (!came) {
    abandon(keeper);
    await ended;
    const failure = keeperFailures[keeper.exitCode ?? 0];
    if (failure !== undefined) throw isolationMissing('keeper', `${failure} (${oneLine(said)})`);
    if (status.childPid === undefined) throw isolationMissing('bubblewrap', oneLine(said) || 'it ended without a word');
    throw startFailed(spec.id, oneLine(said) || 'it ended before its program ran');
  }
  const [keeperStart, firstStart] = await Promise.all([
    startTimeOf(keeper.pid ?? 0),
    startTimeOf(status.childPid ?? 0),
  ]);
  if (
    keeper.pid === undefined ||
    keeperStart === undefined ||
    status.childPid === undefined ||
    firstStart === undefined
  ) {
    abandon(keeper);
    await ended;
    throw startFailed(spec.id, oneLine(said) || 'it ended before its program ran');
  }
  keeper.unref();
  return {
    keeper: { pid: keeper.pid, startTime: keeperStart },
    first: { pid: status.childPid, startTime: firstStart },
    ended,
    go: () => {
      wire.end('go\n');
      wire.unref();
      keeper.stderr?.destroy();
    },
  };
}
