/** Whether this machine makes sandboxes at all; asked before anything starts. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Fault } from '@sallyport/core/fault';

/** Kernel settings that keep an ordinary user from making a user namespace, with the value that does and the one that lets. */
const settings = [
  { name: 'kernel.unprivileged_userns_clone', bad: '0', good: '1' },
  { name: 'user.max_user_namespaces', bad: '0', good: '15000' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', bad: '1', good: '0' },
] as const;

const elsewhere =
  'The kernel, or a container around this machine, allows no user namespace. In a container start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined';

/** A sandbox without a user namespace is no sandbox: refused with the setting that is in the way. */
export function assertNamespaces(): void {
  const probe = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { encoding: 'utf8' });
  if (probe.status === 0) return;
  const why = (probe.stderr || probe.error?.message || `exit ${probe.status}`).trim();
  const wrong = settings.filter(({ name, bad }) => valueOf(name) === bad);
  const remedy =
    wrong.length === 0
      ? elsewhere
      : `User namespaces are off. As root: sysctl -w ${wrong.map(({ name, good }) => `${name}=${good}`).join(' ')}`;
  throw new Fault(
    'failed_precondition',
    'start.isolation',
    `bubblewrap cannot make a sandbox on this machine: ${why}\n${remedy}`,
  );
}

function valueOf(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
