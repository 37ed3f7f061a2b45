/**
 * Control groups for memory, processes and CPU, on v1 and v2.
 *
 * Each workload has a group `sallyport-<label>/<id>` below the runtime's own group where it may write there, so that limits set
 * on the runtime hold for its workloads too; else, for root, at the top of the hierarchy.
 */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ResolvedLimits } from '../../profiles/profiles.ts';
import { errorCode, isGone, readIfThere } from './proc.ts';

/** Processes of ours in every group: the keeper, its timer, bubblewrap outside and bubblewrap inside. */
const ownProcesses = 4;
const controllers = ['memory', 'pids', 'cpu'] as const;
const enableAll = controllers.map((name) => `+${name}`).join(' ');

/** Why no group can be made, and what to do. */
export interface CgroupsMissing {
  readonly cause: string;
  readonly remedy: string;
}

const remedy =
  'run the runtime as root, or under systemd with Delegate=yes (as a user: systemd-run --user --scope -p Delegate=yes), ' +
  'or ask for the profile best-effort (--profile best-effort), which bounds single processes only';

interface Hierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The runtime's own group. */
  readonly own: string;
}

/** A group's path below what is mounted; one outside of it cannot be reached, and the mount point is the nearest that can. */
function reachable(root: string, path: string): string {
  const inside = root === '/' ? path : path.startsWith(root) ? path.slice(root.length) : '/';
  return inside.startsWith('/..') ? '/' : inside;
}

/** Hierarchies that hold a controller we need, from `/proc/self/mountinfo` and `/proc/self/cgroup`. */
export function parseHierarchies(mountinfo: string, selfCgroup: string): Hierarchy[] {
  const paths = new Map<string, string>();
  for (const line of selfCgroup.trim().split('\n')) {
    const [, names = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names.split(',')) paths.set(name, path);
  }
  return mountinfo
    .trim()
    .split('\n')
    .flatMap((line): Hierarchy[] => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , , root = '/', mountPoint = ''] = left.split(' ');
      const [type, , options = ''] = right.split(' ');
      if (type !== 'cgroup' && type !== 'cgroup2') return [];
      const held = type === 'cgroup2' ? [] : controllers.filter((name) => options.split(',').includes(name));
      if (type === 'cgroup' && held.length === 0) return [];
      const own = join(mountPoint, reachable(root, paths.get(held[0] ?? '') ?? '/'));
      return [{ version: type === 'cgroup2' ? 2 : 1, controllers: held, mountPoint, own }];
    });
}

type Found =
  | { readonly version: 1; readonly hierarchies: readonly Hierarchy[] }
  | { readonly version: 2; readonly hierarchies: readonly [Hierarchy] };

/** The hierarchies that groups are made in: version 1 where it holds every controller we need, else version 2. */
async function readHierarchies(): Promise<Found | CgroupsMissing> {
  const hierarchies = parseHierarchies(
    await readFile('/proc/self/mountinfo', 'utf8'),
    await readFile('/proc/self/cgroup', 'utf8'),
  );
  const unified = hierarchies.find(({ version }) => version === 2);
  const legacy = hierarchies.filter(({ version }) => version === 1);
  const onLegacy = new Set(legacy.flatMap((hierarchy) => hierarchy.controllers));
  if (controllers.every((name) => onLegacy.has(name))) return { version: 1, hierarchies: legacy };
  if (unified === undefined) return { cause: 'no cgroup file system holds memory, pids and cpu', remedy };
  return { version: 2, hierarchies: [unified] };
}

/** The files to write for a workload's limits, in order; a file that is optional may be absent from the kernel. */
export function limitFiles(
  version: 1 | 2,
  held: readonly string[],
  limits: ResolvedLimits,
): { readonly file: string; readonly value: string; readonly optional?: true }[] {
  const pids = String(limits.pids + ownProcesses);
  const quota = limits.cpuMillis * 100;
  const memory = String(limits.memoryBytes);
  const files = {
    memory:
      version === 2
        ? [
            { file: 'memory.max', value: memory },
            { file: 'memory.swap.max', value: '0', optional: true as const },
          ]
        : [
            { file: 'memory.limit_in_bytes', value: memory },
            { file: 'memory.memsw.limit_in_bytes', value: memory, optional: true as const },
            { file: 'memory.swappiness', value: '0', optional: true as const },
          ],
    pids: [{ file: 'pids.max', value: pids }],
    cpu:
      version === 2
        ? [{ file: 'cpu.max', value: `${quota} 100000` }]
        : [
            { file: 'cpu.cfs_period_us', value: '100000' },
            { file: 'cpu.cfs_quota_us', value: String(quota) },
          ],
  };
  return controllers.filter((name) => held.includes(name)).flatMap((name) => files[name]);
}

interface Parent {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  readonly directory: string;
}

/** Makes the groups of one install. */
export class Cgroups {
  private readonly parents: readonly Parent[];

  constructor(parents: readonly Parent[]) {
    this.parents = parents;
  }

  /** Finds where groups can be made and makes the install's own there; answers why not when nowhere. */
  static async open(label: string): Promise<Cgroups | CgroupsMissing> {
    const found = await readHierarchies();
    if ('cause' in found) return found;
    return found.version === 1 ? openLegacy(found.hierarchies, label) : openUnified(found.hierarchies[0], label);
  }

  /** Why `open` would answer none, found out without changing anything; undefined when groups can be made. */
  static async lacking(): Promise<CgroupsMissing | undefined> {
    const found = await readHierarchies();
    if ('cause' in found) return found;
    for (const { own, mountPoint } of found.hierarchies) {
      const homes = [...new Set([resolve(own), resolve(mountPoint)])];
      const open = await Promise.all(homes.map(found.version === 1 ? isWritable : canDelegate));
      const what = found.version === 1 ? 'cannot be written' : 'hands on no memory, pids and cpu';
      if (!open.includes(true)) return { cause: `${homes.join(' or ')} ${what}`, remedy };
    }
    return undefined;
  }

  /**
   * Makes a workload's groups with its limits in force; answers their folders. Synchronous on purpose: these are a dozen calls
   * into the kernel's memory, and each would wait longer for a thread than it takes.
   */
  create(id: string, limits: ResolvedLimits): string[] {
    return this.parents.map((parent) => {
      const directory = join(parent.directory, id);
      freshFolder(parent, directory);
      for (const { file, value, optional } of limitFiles(parent.version, parent.controllers, limits)) {
        try {
          writeFileSync(join(directory, file), value);
        } catch (error) {
          if (!(optional && isGone(error))) throw error;
        }
      }
      return directory;
    });
  }

  /** Ids of the workloads that have a group with somebody in it, and one process of each. */
  async occupied(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const { directory } of this.parents) {
      const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
        if (isGone(error)) return [];
        throw error;
      });
      for (const entry of entries) {
        if (!entry.isDirectory() || found.has(entry.name)) continue;
        const [pid] = await membersOf([join(directory, entry.name)]);
        if (pid !== undefined) found.set(entry.name, pid);
      }
    }
    return found;
  }

  /** Removes the install's own groups unless a workload is in one. */
  async close(): Promise<void> {
    for (const { directory } of this.parents) await rmdir(directory).catch(() => undefined);
  }

  /** Folders of a workload's groups, whether or not they exist. */
  directoriesOf(id: string): string[] {
    return this.parents.map(({ directory }) => join(directory, id));
  }
}

/** A group that counts from nothing; one that an earlier attempt left is removed, and with somebody in it that fails. */
function freshFolder(parent: Parent, directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') rmdirSync(directory);
    else if (errorCode(error) === 'ENOENT') remakeParent(parent);
    else throw error;
    mkdirSync(directory);
  }
}

/** The install's own group goes when a runtime of it closes, and another of them may still be at work. */
function remakeParent({ directory, version }: Parent): void {
  mkdirSync(directory, { recursive: true });
  if (version === 2) writeFileSync(join(directory, 'cgroup.subtree_control'), enableAll);
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Whether a version 2 group has every controller we need and lets them be handed on. */
async function canDelegate(directory: string): Promise<boolean> {
  const held = ((await readIfThere(join(directory, 'cgroup.controllers'))) ?? '').trim().split(' ');
  if (!controllers.every((name) => held.includes(name))) return false;
  const files = [directory, join(directory, 'cgroup.subtree_control'), join(directory, 'cgroup.procs')];
  return (await Promise.all(files.map(isWritable))).every(Boolean);
}

async function openLegacy(hierarchies: readonly Hierarchy[], label: string): Promise<Cgroups | CgroupsMissing> {
  const parents: Parent[] = [];
  const taken = new Set<string>();
  for (const hierarchy of hierarchies) {
    const mine = hierarchy.controllers.filter((name) => !taken.has(name));
    if (mine.length === 0) continue;
    const home = (await isWritable(hierarchy.own)) ? hierarchy.own : hierarchy.mountPoint;
    const directory = join(home, `sallyport-${label}`);
    try {
      await mkdir(directory, { recursive: true });
    } catch (error) {
      return {
        cause: `cannot make a ${mine.join('+')} group in ${home} (${errorCode(error) ?? String(error)})`,
        remedy,
      };
    }
    for (const name of mine) taken.add(name);
    parents.push({ version: 1, controllers: mine, directory });
  }
  return new Cgroups(parents);
}

/** Makes room for groups below one that holds processes: v2 wants them in a leaf of their own. Whoever forks meanwhile is met again. */
async function evacuate(home: string, label: string): Promise<void> {
  const leaf = join(home, `sallyport-${label}-self`);
  await mkdir(leaf, { recursive: true });
  for (let round = 0; round < 5; round += 1) {
    const pids = await membersOf([home]);
    if (pids.length === 0) return;
    for (const pid of pids) {
      await writeFile(join(leaf, 'cgroup.procs'), String(pid)).catch((error: unknown) => {
        if (!isGone(error)) throw error;
      });
    }
  }
}

async function delegate(home: string, label: string): Promise<Cgroups> {
  const directory = join(home, `sallyport-${label}`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(home, 'cgroup.subtree_control'), enableAll);
  await writeFile(join(directory, 'cgroup.subtree_control'), enableAll);
  return new Cgroups([{ version: 2, controllers, directory }]);
}

/** Whether a group is ours to rearrange: delegated to an ordinary user, or the top of what a container sees. */
const isOurs = ({ own, mountPoint }: Hierarchy, home: string): boolean =>
  home === own && (process.getuid?.() !== 0 || own === mountPoint);

async function openUnified(hierarchy: Hierarchy, label: string): Promise<Cgroups | CgroupsMissing> {
  const causes: string[] = [];
  for (const home of new Set([hierarchy.own, hierarchy.mountPoint])) {
    try {
      return await delegate(home, label).catch(async (error: unknown) => {
        // The kernel's answer while processes live in `home` itself, unless it is the root of the hierarchy.
        if (errorCode(error) !== 'EBUSY' || !isOurs(hierarchy, home)) throw error;
        await evacuate(home, label);
        return delegate(home, label);
      });
    } catch (error) {
      causes.push(`${home}: ${String(error)}`);
      await rmdir(join(home, `sallyport-${label}`)).catch(() => undefined);
    }
  }
  return { cause: `cannot delegate memory, pids and cpu (${causes.join('; ')})`, remedy };
}

/** Processes in any of these groups. */
export async function membersOf(directories: readonly string[]): Promise<number[]> {
  const texts = await Promise.all(directories.map((directory) => readIfThere(join(directory, 'cgroup.procs'))));
  return [...new Set(texts.flatMap((text) => (text ?? '').split('\n').filter(Boolean).map(Number)))];
}

/** How often the kernel killed a process of the group for memory. */
export async function oomKills(directories: readonly string[]): Promise<number> {
  let kills = 0;
  for (const directory of directories) {
    const text =
      (await readIfThere(join(directory, 'memory.events'))) ??
      (await readIfThere(join(directory, 'memory.oom_control')));
    kills += Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0);
  }
  return kills;
}

/** Removes empty groups; throws EBUSY while somebody is in one. */
export async function removeGroups(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    await rmdir(directory).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  }
}
