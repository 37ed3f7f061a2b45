/** The mount view that root's sandboxes are started from; see `viewScript`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { sep } from 'node:path';
import { isolationMissing } from '../backend-faults.ts';
import { viewScript } from './scripts.ts';

/** How bubblewrap sees the host: through a view of its own, or directly. */
export interface HostView {
  /** Path of the mount namespace to enter, or `-`. */
  readonly namespace: string;
  /** A host path as bubblewrap sees it. */
  see(path: string): string;
  /** Whether it still stands. */
  alive(): boolean;
  close(): void;
}

/** The view of an ordinary user: the host as it is. */
export const directView: HostView = { namespace: '-', see: (path) => path, alive: () => true, close: () => undefined };

/**
 * Opens a view of these paths for unprivileged uids.
 *
 * @throws Fault `runtime.isolation_missing` where root may not make one, as in a container without CAP_SYS_ADMIN.
 */
export async function openView(paths: readonly string[]): Promise<HostView> {
  const names = paths.map((path, index) => [path, `v${index}`] as const);
  const keeper: ChildProcess = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', viewScript, 'sallyport-view', ...names.flat()],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }, cwd: '/' },
  );
  let said = '';
  keeper.stderr?.on('data', (bytes: Buffer) => {
    if (said.length < 4096) said += bytes.toString('utf8');
  });
  const ready = keeper.stdout === null ? Promise.reject(new Error('no pipe')) : once(keeper.stdout, 'data');
  const outcome = await Promise.race([ready.then(() => true), once(keeper, 'exit').then(() => false)]).catch(
    (error: unknown) => {
      said += String(error);
      return false;
    },
  );
  if (!outcome)
    throw isolationMissing('mount_view', `a mount view for unprivileged uids cannot be made (${said.trim()})`);
  keeper.unref();
  for (const stream of [keeper.stdin, keeper.stdout, keeper.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
  return {
    namespace: `/proc/${keeper.pid}/ns/mnt`,
    see: (path) => {
      const found = names.find(([from]) => path === from || path.startsWith(from + sep));
      if (found === undefined) throw new Error(`${path} lies outside the view`);
      return `/sys/${found[1]}${path.slice(found[0].length)}`;
    },
    alive: () => keeper.exitCode === null && keeper.signalCode === null,
    close: () => keeper.stdin?.end(),
  };
}
