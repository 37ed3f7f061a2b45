/**
 * Profiles: the sizes a workload may have, as data. A unit names one; it never brings a host path, an image or a privilege.
 *
 * Every limit has the value a unit gets when it asks for none and the most it may ask for.
 */

import type { Limits } from '@sallyport/contracts/unit/v1/unit';
import { type BackendKind, backendKinds } from '../backends/backend.ts';
import { limitRefused } from '../backends/backend-faults.ts';

interface Range {
  readonly usual: number;
  readonly most: number;
}

/** The limits a unit may name, in the unit's own words and units. */
export interface LimitRanges {
  readonly memoryBytes: Range;
  readonly pids: Range;
  readonly cpuMillis: Range;
  readonly diskBytes: Range;
  readonly outputBytes: Range;
  readonly idleSeconds: Range;
  readonly lifetimeSeconds: Range;
}

export interface Profile {
  readonly name: string;
  /** The substrate it is for; without one, what the edge starts with by default. */
  readonly backend?: BackendKind;
  /**
   * Whether a start is refused where the edge can write no cgroup. `best-effort` falls back to resource limits of single
   * processes, which bound neither the memory nor the CPU of the whole tree.
   */
  readonly cgroup: 'required' | 'best-effort';
  /** `strict` refuses a container engine without user namespaces, or whose runc has known holes. */
  readonly engine?: 'strict';
  readonly limits: LimitRanges;
  /** Size of `/tmp` in bytes; it counts as memory of the sandbox. */
  readonly tmpBytes: number;
  /** Size of `/dev/shm` in bytes; it counts as memory of the sandbox. */
  readonly shmBytes: number;
  /** Bytes kept of what the supervisor itself prints; the rest is dropped and counted. */
  readonly logBytes: number;
  /** Files and folders a rw mount may hold beyond what it started with. */
  readonly files: number;
  /** Open files of one process. */
  readonly openFiles: number;
}

/** What one workload is held to, in the profile's units; -1 idle seconds means never. */
export type ResolvedLimits = { readonly [K in keyof LimitRanges]: number };

const mib = 1024 ** 2;
const gib = 1024 ** 3;

const standard: Profile = {
  name: 'default',
  cgroup: 'required',
  limits: {
    memoryBytes: { usual: gib, most: 8 * gib },
    pids: { usual: 256, most: 4096 },
    cpuMillis: { usual: 1000, most: 8000 },
    diskBytes: { usual: 2 * gib, most: 32 * gib },
    outputBytes: { usual: 64 * mib, most: gib },
    idleSeconds: { usual: 900, most: 86_400 },
    lifetimeSeconds: { usual: 3600, most: 86_400 },
  },
  tmpBytes: 512 * mib,
  shmBytes: 64 * mib,
  logBytes: mib,
  files: 500_000,
  openFiles: 8192,
};

const small: Profile = {
  ...standard,
  name: 'small',
  limits: {
    memoryBytes: { usual: 256 * mib, most: 512 * mib },
    pids: { usual: 64, most: 128 },
    cpuMillis: { usual: 500, most: 1000 },
    diskBytes: { usual: 256 * mib, most: gib },
    outputBytes: { usual: 8 * mib, most: 64 * mib },
    idleSeconds: { usual: 300, most: 3600 },
    lifetimeSeconds: { usual: 900, most: 3600 },
  },
  tmpBytes: 64 * mib,
  shmBytes: 16 * mib,
  logBytes: 256 * 1024,
  files: 50_000,
  openFiles: 1024,
};

/** For an edge on which nobody may write a cgroup: chosen by name, never fallen back to. */
const bestEffort: Profile = { ...standard, name: 'best-effort', backend: 'process', cgroup: 'best-effort' };

/** For coding agents: programs of hundreds of megabytes that start compilers, test runners and servers of their own. */
const coding: Profile = {
  ...standard,
  name: 'coding',
  limits: {
    ...standard.limits,
    memoryBytes: { usual: 3 * gib, most: 16 * gib },
    pids: { usual: 1024, most: 8192 },
    cpuMillis: { usual: 2000, most: 16_000 },
    diskBytes: { usual: 4 * gib, most: 64 * gib },
  },
  tmpBytes: gib,
  shmBytes: 256 * mib,
};

/** Sizes that any substrate can hold. */
const sizes: readonly Profile[] = [standard, small, coding];

/** The same sizes on one substrate, whatever the edge starts with by default: `docker`, `docker-small`, `process`, ... */
const pinned: readonly Profile[] = backendKinds.flatMap((backend) =>
  sizes.map((profile) => ({
    ...profile,
    backend,
    name: profile === standard ? backend : `${backend}-${profile.name}`,
  })),
);

/** For what must not share even a known hole with its neighbours: an engine with a mended runc and user namespaces, or no start. */
const dockerStrict: Profile = { ...standard, name: 'docker-strict', backend: 'docker', engine: 'strict' };

/** Every profile this runtime offers, by name. */
export const profiles: ReadonlyMap<string, Profile> = new Map(
  [...sizes, bestEffort, ...pinned, dockerStrict].map((profile) => [profile.name, profile]),
);

/**
 * What a unit is held to under a profile: its own wish where it has one, the profile's usual value where it is zero.
 *
 * @throws Fault `runtime.limit_refused` for a wish below nothing or beyond the profile's most: a limit is never bent in silence.
 */
export function resolveLimits(profile: Profile, wish: Limits | undefined): ResolvedLimits {
  const asked: Readonly<Record<keyof LimitRanges, number>> = {
    memoryBytes: Number(wish?.memoryBytes ?? 0),
    pids: wish?.pids ?? 0,
    cpuMillis: wish?.cpuMillis ?? 0,
    diskBytes: Number(wish?.diskBytes ?? 0),
    outputBytes: Number(wish?.outputBytes ?? 0),
    idleSeconds: wish?.idleSeconds ?? 0,
    lifetimeSeconds: wish?.lifetimeSeconds ?? 0,
  };
  const resolve = (name: keyof LimitRanges): number => {
    const value = asked[name];
    const { usual, most } = profile.limits[name];
    if (value === 0) return usual;
    if (name === 'idleSeconds' && value === -1) return -1;
    if (value < 0 || value > most) throw limitRefused(name, value, most, profile.name);
    return value;
  };
  return {
    memoryBytes: resolve('memoryBytes'),
    pids: resolve('pids'),
    cpuMillis: resolve('cpuMillis'),
    diskBytes: resolve('diskBytes'),
    outputBytes: resolve('outputBytes'),
    idleSeconds: resolve('idleSeconds'),
    lifetimeSeconds: resolve('lifetimeSeconds'),
  };
}
