/** What this machine can isolate, found out by doing it. */

import { access, constants, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import { profiles, resolveLimits } from '../../profiles/profiles.ts';
import type { Backend, Capability, ProcessHandle } from '../backend.ts';
import { Cgroups, type CgroupsMissing } from './cgroups.ts';
import { readIfThere } from './proc.ts';

const searched = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Programs a start runs, and the Debian package each comes with. */
const programs: Readonly<Record<string, string>> = {
  bwrap: 'bubblewrap',
  ip: 'iproute2',
  setpriv: 'util-linux',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  timeout: 'coreutils',
  mkfifo: 'coreutils',
};

const fine = (name: string, cause: string): Capability => ({ name, ok: true, cause, remedy: '' });

async function checkProgram(name: string, from: string): Promise<Capability> {
  for (const directory of searched) {
    const path = join(directory, name);
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return fine(name, path);
  }
  return { name, ok: false, cause: 'not installed', remedy: `apt-get install ${from}` };
}

/** Kernel settings that keep an unprivileged uid from making a user namespace, with the value that does. */
const namespaceSettings: readonly { readonly path: string; readonly bad: string; readonly remedy: string }[] = [
  {
    path: '/proc/sys/user/max_user_namespaces',
    bad: '0',
    remedy: 'sysctl -w user.max_user_namespaces=15000',
  },
  {
    path: '/proc/sys/kernel/unprivileged_userns_clone',
    bad: '0',
    remedy: 'sysctl -w kernel.unprivileged_userns_clone=1',
  },
  {
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    bad: '1',
    remedy:
      'give bwrap an AppArmor profile with "userns,", or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
];

/** Starts a sandbox that does nothing and watches it end well. */
async function checkSandbox(backend: Backend<ProcessHandle>, directory: string): Promise<Capability> {
  const id = `check-${process.pid}`;
  const home = join(directory, id);
  const profile = profiles.get('best-effort');
  if (profile === undefined) throw new Error('the best-effort profile is gone');
  try {
    await mkdir(join(home, 'tether'), { recursive: true });
    const handle = await backend.start({
      id,
      directory: home,
      tetherDirectory: join(home, 'tether'),
      mounts: [],
      argv: ['/usr/bin/true'],
      env: {},
      profile,
      limits: resolveLimits(profile, undefined),
      deadlineSeconds: 10,
    });
    const exit = await backend.waitExit(handle);
    await backend.cleanup(handle);
    if (exit.state === 'exited' && exit.code === 0) return fine('sandbox', 'a sandbox started and ended');
    return {
      name: 'sandbox',
      ok: false,
      cause: `a sandbox ended as ${JSON.stringify(exit)}`,
      remedy: 'read the runtime log',
    };
  } catch (error) {
    const cause = Fault.from(error).message;
    for (const { path, bad, remedy } of namespaceSettings) {
      if ((await readIfThere(path))?.trim() === bad)
        return { name: 'sandbox', ok: false, cause: `${cause} (${path} is ${bad})`, remedy };
    }
    return {
      name: 'sandbox',
      ok: false,
      cause,
      remedy:
        'allow user namespaces; inside a container start it with --security-opt seccomp=unconfined and an unmasked /proc',
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Every capability, in the order a person would mend them. */
export async function checkMachine(
  backend: Backend<ProcessHandle>,
  directory: string,
  groups: Cgroups | CgroupsMissing,
): Promise<readonly Capability[]> {
  const found = await Promise.all(Object.entries(programs).map(([name, from]) => checkProgram(name, from)));
  const cgroup: Capability =
    groups instanceof Cgroups
      ? fine('cgroup', 'memory, pids and cpu can be limited')
      : { name: 'cgroup', ok: false, ...groups };
  return [...found, await checkSandbox(backend, directory), cgroup];
}
