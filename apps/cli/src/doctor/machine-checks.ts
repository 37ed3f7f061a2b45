/** Whether this machine can run the product: each check looks at the real thing. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, fail, ok, warn } from './check.ts';

interface Ran {
  readonly status: number | null;
  readonly text: string;
}

/** Where Debian keeps daemons; it is not on the PATH of an ordinary user, and the launcher looks there too. */
const daemons = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Runs a program for its word; status null when it is missing. */
function run(program: string, args: readonly string[]): Ran {
  const elsewhere = daemons.map((folder) => join(folder, program)).filter((path) => existsSync(path));
  for (const path of [program, ...elsewhere]) {
    const done = spawnSync(path, args, { encoding: 'utf8', timeout: 5_000 });
    if (done.error === undefined) return { status: done.status, text: `${done.stdout}${done.stderr}`.trim() };
  }
  return { status: null, text: '' };
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

export function checkNode(version = process.versions.node): Finding {
  const major = Number(version.split('.')[0]);
  if (major >= 24) return ok('node', version);
  return fail('node', version, 'the services run on Node 24', 'run npm install: it brings the pinned Node');
}

export function checkGit(): Finding {
  const git = run('git', ['--version']);
  if (git.status === 0) return ok('git', git.text.replace('git version ', ''));
  return fail('git', 'missing', 'workspaces are imported and cloned with it', 'apt-get install git');
}

export function checkNats(): Finding {
  const nats = run('nats-server', ['--version']);
  if (nats.status === 0) return ok('nats-server', nats.text.replace('nats-server: ', ''));
  return fail('nats-server', 'missing', 'the services speak over it', 'apt-get install nats-server');
}

export function checkBubblewrap(): Finding {
  const bwrap = run('bwrap', ['--version']);
  if (bwrap.status === 0) return ok('bubblewrap', bwrap.text.replace('bubblewrap ', ''));
  return fail('bubblewrap', 'missing', 'no agent starts without a sandbox', 'apt-get install bubblewrap');
}

/** Programs a sandbox is made with beside bubblewrap, and the Debian package of each. */
const tools: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  setpriv: 'util-linux',
  nsenter: 'util-linux',
  unshare: 'util-linux',
};

const searched = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function checkTools(folders: readonly string[] = searched): Finding {
  const missing = Object.keys(tools).filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length === 0) return ok('sandbox tools', Object.keys(tools).join(', '));
  const packages = [...new Set(missing.map((tool) => tools[tool] ?? tool))].join(' ');
  return fail(
    'sandbox tools',
    `missing: ${missing.join(', ')}`,
    'sandboxes are made with them',
    `apt-get install ${packages}`,
  );
}

/** Starts an empty sandbox the way the process backend does. */
export function checkSandbox(): Finding {
  const probe = run('bwrap', ['--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', 'true']);
  if (probe.status === 0) return ok('user namespaces', 'a sandbox starts');
  if (probe.status === null)
    return fail('user namespaces', 'not tried', 'bubblewrap is missing', 'apt-get install bubblewrap');
  return fail('user namespaces', firstLine(probe.text), namespaceCause(), namespaceRemedy());
}

const setting = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;

const restricted = (): boolean => setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1';

function namespaceCause(): string {
  if (setting('/proc/sys/kernel/unprivileged_userns_clone') === '0') return 'kernel.unprivileged_userns_clone is 0';
  if (setting('/proc/sys/user/max_user_namespaces') === '0') return 'user.max_user_namespaces is 0';
  if (restricted()) return 'AppArmor restricts unprivileged user namespaces';
  return 'the kernel or a container around this machine forbids new namespaces';
}

function namespaceRemedy(): string {
  if (restricted()) return 'as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  return 'as root: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000';
}

const needed = ['memory', 'pids', 'cpu'] as const;

/** Whether limits for memory, processes and time can be set here, where the runtime would: its own group, else the top. */
export function checkCgroup(root = '/sys/fs/cgroup', own = setting('/proc/self/cgroup') ?? ''): Finding {
  const isUnified = existsSync(join(root, 'cgroup.controllers'));
  const version = isUnified ? 'version 2' : 'version 1';
  const what = isUnified ? closedUnified(root, own) : closedLegacy(root, own);
  if (what === undefined) return ok('cgroups', `${version}, writable`);
  return warn(
    'cgroups',
    `${version}, ${what}`,
    'memory, processes and CPU of a whole agent cannot be limited, so every profile but best-effort is refused',
    'run as root, or under systemd-run --user --scope -p Delegate=yes; until then: sally run create --profile best-effort',
  );
}

/** A group under version 2 is of use when it has the controllers and its own user may hand them on. */
function closedUnified(root: string, own: string): string | undefined {
  const folders = [...new Set([join(root, ownGroup(own)), root])];
  const causes = folders.map((folder) => {
    if (!existsSync(folder)) return `${folder} is missing`;
    const closed = ['', 'cgroup.procs', 'cgroup.subtree_control'].map((name) => join(folder, name)).find(isClosed);
    if (closed !== undefined) return `${closed} is not writable`;
    const held = (setting(join(folder, 'cgroup.controllers')) ?? '').split(' ');
    const absent = needed.filter((name) => !held.includes(name));
    return absent.length === 0 ? undefined : `${folder} has no ${absent.join(', ')}`;
  });
  return causes.includes(undefined) ? undefined : causes[0];
}

function closedLegacy(root: string, own: string): string | undefined {
  const causes = needed.map((name) => {
    const top = join(root, name);
    if (!existsSync(top)) return `${top} is missing`;
    return isClosed(join(top, ownGroup(own, name))) && isClosed(top) ? `${top} is not writable` : undefined;
  });
  return causes.find((cause) => cause !== undefined);
}

/** This process's group in a hierarchy; the top when it lies outside of what is mounted here. */
function ownGroup(lines: string, controller = ''): string {
  const groups = lines.split('\n').map((line) => line.split(':'));
  const [, , ...path] = groups.find(([, names = '']) => names.split(',').includes(controller)) ?? [];
  const group = path.join(':') || '/';
  return group.startsWith('/..') ? '/' : group;
}

function isClosed(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

const mib = 1024 * 1024;

export function checkDisk(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const free = Math.floor((bavail * bsize) / mib);
  if (free < 512)
    return fail(
      'disk',
      `${free} MiB free at ${folder}`,
      'the stack does not start with less than 512 MiB',
      'free some space, or start with --data on another disk',
    );
  if (free < 2_048)
    return warn('disk', `${free} MiB free at ${folder}`, 'workspaces and the log grow', 'free some space');
  return ok('disk', `${Math.floor(free / 1024)} GiB free`);
}
