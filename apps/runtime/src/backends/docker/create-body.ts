/**
 * Everything an engine is told about one container, in one place and without a host path, image, device or privilege of anybody
 * but this edge: a unit brings a profile's name and sizes, nothing else (T61). Pure.
 */

import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { SandboxSpec } from '../backend.ts';
import { writtenEtc } from '../process/rootfs.ts';
import { controlPath } from './scripts.ts';

/** Labels every container of ours has from its first moment. */
export const labels = {
  install: 'sh.sallyport.install',
  workload: 'sh.sallyport.workload',
  profile: 'sh.sallyport.profile',
} as const;

/** What is the same for every container of a runtime. */
export interface Ground {
  /** Id of the install. */
  readonly label: string;
  /** Id of the image, `sha256:...`. */
  readonly image: string;
  /** The system call filter, as the engine takes it. */
  readonly seccomp: string;
  /** Read-only files and folders beside the workload's own: where they lie, and where they are seen. */
  readonly programs: readonly (readonly [source: string, target: string])[];
}

export interface Container {
  readonly ground: Ground;
  readonly spec: SandboxSpec;
  /** Folder of the backend's files of this workload; `control/` in it is seen inside. */
  readonly directory: string;
  /** Uid and gid inside. */
  readonly inside: number;
}

/** What must not be readable; the engine's own list, and all of `/sys`: it tells of the machine and serves no agent. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const period = 100_000;

/** Name of a workload's container: one at a time. */
export const nameOf = (label: string, id: string): string => `sallyport-${label}-${id}`;

export function createBody({ ground, spec, directory, inside }: Container): ContainerCreateOptions {
  return {
    name: nameOf(ground.label, spec.id),
    Image: ground.image,
    User: `${inside}:${inside}`,
    Hostname: 'sallyport',
    WorkingDir: '/tmp',
    Entrypoint: ['/bin/sh', `${controlPath}/init`],
    Cmd: [...Object.entries(spec.env).map(([name, value]) => `${name}=${value}`), ...spec.argv],
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Labels: { [labels.install]: ground.label, [labels.workload]: spec.id, [labels.profile]: spec.profile.name },
    HostConfig: hostConfigOf({ ground, spec, directory, inside }),
  };
}

/** The client's types do not know every field the engine takes. */
type FullHostConfig = HostConfig & { readonly CgroupnsMode: 'private' };

function hostConfigOf({ ground, spec, directory }: Container): FullHostConfig {
  const { profile, limits } = spec;
  const bind = (source: string, target: string, mode: 'ro' | 'rw') => ({
    Type: 'bind' as const,
    Source: source,
    Target: target,
    ReadOnly: mode === 'ro',
    BindOptions: { Propagation: 'rprivate' as const },
  });
  const scratch = (bytes: number) => `rw,exec,nosuid,nodev,mode=1777,size=${bytes}`;
  return {
    NetworkMode: 'none',
    Privileged: false,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', `seccomp=${ground.seccomp}`],
    ReadonlyRootfs: true,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    LogConfig: { Type: 'none', Config: {} },
    OomScoreAdj: 500,
    Memory: limits.memoryBytes,
    MemorySwap: limits.memoryBytes,
    CpuPeriod: period,
    CpuQuota: (limits.cpuMillis * period) / 1000,
    // The first process is ours.
    PidsLimit: limits.pids + 1,
    ShmSize: profile.shmBytes,
    Tmpfs: { '/tmp': scratch(profile.tmpBytes) },
    Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
    Ulimits: [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nofile', Soft: profile.openFiles, Hard: profile.openFiles },
      { Name: 'fsize', Soft: limits.diskBytes, Hard: limits.diskBytes },
    ],
    MaskedPaths: maskedPaths,
    ReadonlyPaths: readonlyPaths,
    Mounts: [
      ...ground.programs.map(([source, target]) => bind(source, target, 'ro')),
      ...Object.keys(writtenEtc).map((name) => bind(`${directory}/etc/${name}`, `/etc/${name}`, 'ro')),
      bind(`${directory}/control`, controlPath, 'ro'),
      bind(spec.tetherDirectory, '/run/sally', 'ro'),
      ...spec.mounts.map(({ name, source, mode }) => bind(source, `/workspace/${name}`, mode)),
    ],
  };
}
