/**
 * The read-only root of a sandbox: the host's programs and libraries, a `/etc` made for it, and nothing else of the host.
 */

import { chmod, cp, lstat, mkdir, readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalHash, sha256Hex } from '@sallyport/core/canonical';
import type { SandboxSpec } from '../backend.ts';
import { errorCode } from './proc.ts';
import { initPath, initScript, routes, routesPath } from './scripts.ts';
import { type Machine, syscallNumbers } from './syscalls.ts';

/** Uid and gid of the program inside. */
export const insideUid = 1000;

/** Files of the host's `/etc` that programs need to find each other; none says anything about the host's people. */
const copiedEtc = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'fonts',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'mime.types',
  'pki/ca-trust/extracted',
  'pki/tls/certs',
  'pki/tls/cert.pem',
  'protocols',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
];

/** Files every sandbox's `/etc` has, whatever the host's own says. */
export const writtenEtc: Readonly<Record<string, string>> = {
  passwd:
    'root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:1000:1000:agent:/tmp/home:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sallyport\n::1 localhost\n',
  hostname: 'sallyport\n',
  'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:2 attempts:2\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n',
  profile: 'export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\n',
};

const own: Readonly<Record<string, string>> = {
  ...writtenEtc,
  [initPath.slice('/etc/'.length)]: initScript,
  [routesPath.slice('/etc/'.length)]: routes,
};

/**
 * Makes the sandboxes' `/etc` below a folder and answers its path.
 *
 * It is named for what it is made of and never changed once made: sandboxes of an earlier runtime keep what they see, and a
 * second start finds it ready.
 */
export async function makeEtc(directory: string): Promise<string> {
  const stamps = await Promise.all(
    copiedEtc.map((name) =>
      lstat(join('/etc', name)).then(
        ({ mtimeMs, size }) => [name, Math.trunc(mtimeMs), size],
        () => [name],
      ),
    ),
  );
  const etc = join(directory, `etc-${canonicalHash({ stamps, own }).slice(0, 16)}`);
  if (await lstat(etc).then(() => true, isNotThere)) return etc;
  const draft = `${etc}.${process.pid}`;
  for (const name of copiedEtc) {
    await mkdir(dirname(join(draft, name)), { recursive: true, mode: 0o755 });
    await cp(join('/etc', name), join(draft, name), { recursive: true, verbatimSymlinks: true }).catch(isNotThere);
  }
  for (const [name, text] of Object.entries(own)) {
    await mkdir(dirname(join(draft, name)), { recursive: true, mode: 0o755 });
    await writeFile(join(draft, name), text, { mode: 0o644 });
  }
  await chmod(draft, 0o755);
  await rename(draft, etc);
  return etc;
}

/** For what a host may lack or keep to itself; anything else throws. */
function isNotThere(error: unknown): false {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'EACCES') return false;
  throw error;
}

/** Where the fixed parts of a root lie, as bubblewrap will see them. */
export interface RootfsSources {
  readonly etc: string;
  readonly node: string;
  readonly agent: string | undefined;
  readonly runners: string | undefined;
}

/** A root ready to be bound: the options that make it, and a hash that says what it is. */
export interface Rootfs {
  readonly options: readonly string[];
  readonly hash: string;
}

/** The host's top-level folders of programs: a link stays a link, a folder of its own is bound. */
async function programFolders(): Promise<string[]> {
  const options = ['--ro-bind', '/usr', '/usr'];
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const path = `/${name}`;
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isSymbolicLink()) options.push('--symlink', await readlink(path), path);
    else if (stat?.isDirectory()) options.push('--ro-bind', path, path);
  }
  return options;
}

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const deviceLinks: Readonly<Record<string, string>> = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
};

/** Describes the root once per runtime; `agentFile` is read for its hash. */
export async function describeRootfs(
  sources: RootfsSources,
  agentFile: string | undefined,
  filter: Uint8Array,
): Promise<Rootfs> {
  const options = [
    await programFolders(),
    ['--ro-bind', sources.etc, '/etc', '--proc', '/proc', '--tmpfs', '/dev'],
    devices.flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`]),
    Object.entries(deviceLinks).flatMap(([name, to]) => ['--symlink', to, `/dev/${name}`]),
    ['--perms', '0755', '--dir', '/opt', '--perms', '0755', '--dir', '/opt/sallyport'],
    ['--ro-bind', sources.node, '/opt/sallyport/node'],
    sources.agent === undefined ? [] : ['--ro-bind', sources.agent, '/opt/sallyport/agent.mjs'],
    sources.runners === undefined ? [] : ['--ro-bind', sources.runners, '/opt/runners'],
  ].flat();
  const binds = options.filter((word) => word.startsWith('/')).sort();
  const agent = agentFile === undefined ? '' : sha256Hex(await readFile(agentFile));
  return { options, hash: canonicalHash({ binds, agent, init: sha256Hex(initScript), filter: sha256Hex(filter) }) };
}

/** SHA-256 over what a sandbox sees mounted and how; host paths are no part of it. */
export const mountsHash = (mounts: SandboxSpec['mounts']): string =>
  canonicalHash(mounts.map(({ name, mode }) => ({ name, mode })).sort((a, b) => (a.name < b.name ? -1 : 1)));

/** Machine of this process, or undefined where no filter is known for it. */
export const machineOf = (arch: string): Machine | undefined =>
  arch === 'x64' || arch === 'arm64' ? (syscallNumbers(arch).size > 0 ? arch : undefined) : undefined;

/** Everything bubblewrap is told about one sandbox, in its own order: later options lie on top of earlier ones. */
export function bubblewrapOptions(spec: SandboxSpec, rootfs: Rootfs, see: (path: string) => string): string[] {
  const { profile } = spec;
  const tmpfs = (path: string, bytes: number) => ['--perms', '1777', '--size', String(bytes), '--tmpfs', path];
  const folder = (path: string, mode: string) => ['--perms', mode, '--dir', path];
  return [
    ['--unshare-all', '--unshare-user', '--uid', String(insideUid), '--gid', String(insideUid)],
    ['--hostname', 'sallyport', '--new-session', '--die-with-parent'],
    // For the init stage alone: it sets two routes and then drops every capability, the bounding set included.
    ['--cap-add', 'CAP_NET_ADMIN', '--cap-add', 'CAP_SETPCAP', '--clearenv'],
    Object.entries(spec.env).flatMap(([name, value]) => ['--setenv', name, value]),
    rootfs.options,
    [...tmpfs('/dev/shm', profile.shmBytes), '--remount-ro', '/dev'],
    [...tmpfs('/tmp', profile.tmpBytes), ...folder('/tmp/home', '0700')],
    [...folder('/var', '0755'), '--symlink', '/tmp', '/var/tmp'],
    [...folder('/run', '0755'), '--ro-bind', see(spec.tetherDirectory), '/run/sally'],
    folder('/workspace', '0755'),
    spec.mounts.flatMap(({ name, source, mode }) => [
      mode === 'rw' ? '--bind' : '--ro-bind',
      see(source),
      `/workspace/${name}`,
    ]),
    ['--remount-ro', '/', '--chdir', '/tmp'],
  ].flat();
}
