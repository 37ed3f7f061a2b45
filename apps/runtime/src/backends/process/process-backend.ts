/** Workloads as bubblewrap sandboxes of this machine. docs/decisions/0003-process-sandbox.md says why each part is as it is. */

import { closeSync, openSync } from 'node:fs';
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Evidence, EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import { sha256Hex } from '@sallyport/core/canonical';
import type { Clock } from '@sallyport/core/clock';
import type { Backend, Capability, DiskUse, Exit, Found, ProcessHandle, SandboxLog, SandboxSpec } from '../backend.ts';
import { isolationMissing, killUnconfirmed, notRunning, stillAlive } from '../backend-faults.ts';
import { checkMachine } from './capabilities.ts';
import { Cgroups, type CgroupsMissing, membersOf, removeGroups } from './cgroups.ts';
import { DiskWatch } from './disk-watch.ts';
import { readExit } from './exit-evidence.ts';
import { checkMounts, type Ground, type Launched, launch, prepareFiles } from './launch.ts';
import { directView, openView } from './mount-view.ts';
import * as proc from './proc.ts';
import { describeRootfs, machineOf, makeEtc, mountsHash } from './rootfs.ts';
import { SandboxLogPump, tailOf } from './sandbox-log.ts';
import { seccompBytes } from './seccomp.ts';
import { UidSlots } from './uid-slots.ts';

export interface ProcessBackendOptions {
  /** Id of this install, a slug; sandboxes of another label are none of ours. */
  readonly label: string;
  /** The runtime's folder: workloads, tethers and mounts lie below it, and the backend keeps `rootfs/` in it. */
  readonly directory: string;
  /** Node binary of the sandboxes, seen as `/opt/sallyport/node`. */
  readonly node: string;
  /** Supervisor bundle, seen as `/opt/sallyport/agent.mjs`; without one the path does not exist. */
  readonly agent?: string;
  /** Folder seen as `/opt/runners`; what it holds may change while sandboxes run. */
  readonly runners?: string;
  readonly clock: Clock;
  /** Where uids are drawn from; shared with whatever else gives uids on this edge. */
  readonly slots: UidSlots;
}

/** How often a sandbox of an earlier process is looked at, and one of our own, whose end the kernel tells. */
const pollMs = 100;
const ownPollMs = 1000;
const killPatienceMs = 5000;
/** How long bubblewrap has, after its sandbox died, to write down how. */
const lastWordMs = 1000;

/** Pids as the kernel gives them out; 0 and 1 are never a workload's. */
const everyProcess = (pids: readonly number[]): readonly number[] => pids.filter((pid) => pid > 1);

export class ProcessBackend implements Backend<ProcessHandle> {
  private readonly options: ProcessBackendOptions;
  private readonly slots: UidSlots;
  private readonly disk: DiskWatch;
  private readonly ended = new Map<string, Promise<void>>();
  private readonly pumps = new Map<string, SandboxLogPump>();
  private ground: Promise<Ground> | undefined;
  private groups: Promise<Cgroups | CgroupsMissing> | undefined;

  constructor(options: ProcessBackendOptions) {
    this.options = { ...options, directory: resolve(options.directory) };
    this.slots = options.slots;
    this.disk = new DiskWatch(options.clock);
  }

  async warm(): Promise<void> {
    await Promise.allSettled([this.prepared(), this.cgroups()]);
  }

  async check(): Promise<readonly Capability[]> {
    return checkMachine(
      this,
      this.options.directory,
      await this.cgroups().catch((error: unknown) => ({
        cause: String(error),
        remedy: 'mount the cgroup file system at /sys/fs/cgroup',
      })),
    );
  }

  async reserve(id: string): Promise<number> {
    return this.isRoot() ? this.slots.reserve(id) : (process.getuid?.() ?? 0);
  }

  async start(spec: SandboxSpec): Promise<ProcessHandle> {
    const ground = await this.prepared();
    if ((await membersOf(await this.directoriesOf(spec.id))).length > 0) throw stillAlive(spec.id);
    this.pumps.get(spec.id)?.close();
    this.pumps.delete(spec.id);
    const directory = join(spec.directory, 'sandbox');
    const uid = await this.reserve(spec.id);
    let cgroups: readonly string[] = [];
    let launched: Launched;
    try {
      const [made, ...checks] = await Promise.allSettled([
        this.groupsFor(spec),
        checkMounts(spec, ground.root, this.isRoot()),
        prepareFiles(spec, directory, ground),
      ]);
      if (made.status === 'rejected') throw made.reason;
      cgroups = made.value;
      for (const check of checks) if (check.status === 'rejected') throw check.reason;
      launched = await launch({ spec, directory, ground, uid, cgroups, marker: this.marker(spec.id) });
    } catch (error) {
      await this.clear(spec.id, await this.directoriesOf(spec.id), directory);
      throw error;
    }
    const handle: ProcessHandle = {
      backend: 'process',
      id: spec.id,
      ...launched.first,
      keeper: launched.keeper,
      boot: await proc.bootId(),
      uid,
      directory,
      cgroups,
      rootfsHash: ground.rootfs.hash,
      mountsHash: mountsHash(spec.mounts),
      logBytes: spec.profile.logBytes,
      disk: {
        directories: spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source),
        limit: { bytes: spec.limits.diskBytes, files: spec.profile.files },
      },
    };
    this.ended.set(spec.id, launched.ended);
    launched.go();
    await this.pump(handle);
    return handle;
  }

  async adopt(handle: ProcessHandle): Promise<void> {
    if (this.isRoot()) this.slots.adopt(handle.id, handle.uid);
    await this.pump(handle);
    await this.disk.adopt(handle);
  }

  async exitCode(handle: ProcessHandle): Promise<Exit> {
    return (await this.lives(handle)) ? { state: 'running' } : readExit(handle.directory, handle.cgroups);
  }

  async waitExit(handle: ProcessHandle, signal?: AbortSignal): Promise<Exclude<Exit, { state: 'running' }>> {
    let ended = this.ended.get(handle.id);
    for (;;) {
      signal?.throwIfAborted();
      // A look that fails is no exit; the next one may see.
      const exit = await this.exitCode(handle).catch(() => ({ state: 'running' }) as const);
      if (exit.state !== 'running') return exit;
      const over = new AbortController();
      const pause = delay(ended === undefined ? pollMs : ownPollMs, undefined, {
        signal: signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]),
      }).catch(() => undefined);
      await Promise.race([pause, ended?.then(() => (ended = undefined))]);
      over.abort();
    }
  }

  async terminate(handle: ProcessHandle): Promise<void> {
    if (!(await proc.isAlive(handle))) return;
    for (const pid of await proc.childrenOf(handle.pid)) {
      const startTime = await proc.startTimeOf(pid);
      if (startTime !== undefined) await proc.signalProcess({ pid, startTime }, 'SIGTERM');
    }
  }

  async kill(handle: ProcessHandle): Promise<void> {
    if (handle.boot !== (await proc.bootId())) return;
    // The first process of a pid namespace takes every other with it; bubblewrap outside then writes down how it ended.
    await proc.signalProcess(handle, 'SIGKILL');
    const begun = this.options.clock.monotonic();
    while (await this.lives(handle)) {
      const waited = this.options.clock.monotonic() - begun;
      if (waited > killPatienceMs) throw killUnconfirmed(handle.id);
      if (waited > lastWordMs) await this.killOutside(handle);
      await delay(2);
    }
  }

  async cleanup(handle: ProcessHandle): Promise<void> {
    if (await this.lives(handle)) throw stillAlive(handle.id);
    this.pumps.get(handle.id)?.close();
    await this.clear(handle.id, handle.cgroups, handle.directory);
  }

  async evidence(handle: ProcessHandle): Promise<Evidence> {
    try {
      const [namespaces, uid, groups, boot] = await Promise.all([
        proc.namespacesOf(handle.pid),
        proc.uidOf(handle.pid),
        proc.cgroupOf(handle.pid),
        proc.bootId(),
      ]);
      // Asked last: what was read above is of this process only if it still is this process.
      if (!(await proc.isAlive(handle))) throw notRunning(handle.id);
      return create(EvidenceSchema, {
        format: 'process',
        pid: BigInt(handle.pid),
        startTime: BigInt(handle.startTime),
        namespaces,
        cgroup: handle.cgroups.length === 0 ? '' : groups,
        rootfsHash: handle.rootfsHash,
        mountsHash: handle.mountsHash,
        boot,
        uid: BigInt(uid),
      });
    } catch (error) {
      throw proc.isGone(error) ? notRunning(handle.id) : error;
    }
  }

  async log(handle: ProcessHandle, bytes: number): Promise<SandboxLog> {
    const pump = this.pumps.get(handle.id);
    // The keeper outlives its program by a moment in which the pipe still holds the last words.
    const running = pump !== undefined && (await this.exitCode(handle)).state === 'running';
    if (pump !== undefined) await (running ? pump.flushed() : Promise.race([pump.done, delay(1000)]));
    return { tail: await tailOf(join(handle.directory, 'log.txt'), bytes), dropped: pump?.dropped ?? 0 };
  }

  async list(): Promise<readonly Found[]> {
    const groups = await this.cgroups();
    const found = groups instanceof Cgroups ? await groups.occupied() : new Map<string, number>();
    const prefix = this.marker('');
    for (const { pid, mark } of await proc.processesMarked(prefix)) {
      const id = mark.slice(prefix.length);
      if (!found.has(id)) found.set(id, pid);
    }
    return [...found.keys()].map((id) => ({ backend: 'process', id }));
  }

  async reap({ id }: Found): Promise<void> {
    const directories = await this.directoriesOf(id);
    const patience = this.options.clock.monotonic() + killPatienceMs;
    for (;;) {
      const marked = (await proc.processesMarked(this.marker(id))).filter(({ mark }) => mark === this.marker(id));
      const members = everyProcess(await membersOf(directories));
      if (members.length === 0 && marked.length === 0) break;
      if (this.options.clock.monotonic() > patience) throw killUnconfirmed(id);
      for (const pid of members) proc.killNow(pid);
      // The keeper leads a process group: its timer and bubblewrap die with it, and the sandbox with them.
      for (const { pid } of marked) proc.killNow(-pid);
      await delay(5);
    }
    await removeGroups(directories);
    this.forget(id);
  }

  async holdDisk(handle: ProcessHandle, standing?: DiskUse): Promise<void> {
    await this.disk.hold(handle, standing);
  }

  onOverDisk(listener: (id: string, used: DiskUse) => void): void {
    this.disk.onOver(listener);
  }

  async close(): Promise<void> {
    this.disk.close();
    for (const pump of this.pumps.values()) pump.close();
    const groups = await this.groups?.catch(() => undefined);
    if (groups instanceof Cgroups) await groups.close();
    const ground = await this.ground?.catch(() => undefined);
    if (ground === undefined) return;
    ground.view.close();
    closeSync(ground.blank);
  }

  private isRoot(): boolean {
    return process.getuid?.() === 0;
  }

  private marker(id: string): string {
    return `sallyport:${this.options.label}/${id}`;
  }

  private cgroups(): Promise<Cgroups | CgroupsMissing> {
    this.groups ??= Cgroups.open(this.options.label);
    return this.groups;
  }

  private async directoriesOf(id: string): Promise<readonly string[]> {
    const groups = await this.cgroups();
    return groups instanceof Cgroups ? groups.directoriesOf(id) : [];
  }

  private async groupsFor(spec: SandboxSpec): Promise<string[]> {
    const groups = await this.cgroups();
    if (groups instanceof Cgroups) return groups.create(spec.id, spec.limits);
    if (spec.profile.cgroup === 'required') throw isolationMissing('cgroup', `${groups.cause}; ${groups.remedy}`);
    return [];
  }

  /** The ground every start stands on; laid again when that failed, or when its helper died. */
  private prepared(): Promise<Ground> {
    const again = (): Promise<Ground> => this.prepare();
    this.ground = this.ground?.then((ground) => (ground.view.alive() ? ground : again()), again) ?? this.prepare();
    return this.ground;
  }

  private async prepare(): Promise<Ground> {
    const { directory, node, agent, runners } = this.options;
    const machine = machineOf(process.arch);
    if (machine === undefined) throw isolationMissing('seccomp', `no system call filter is known for ${process.arch}`);
    await mkdir(join(directory, 'rootfs'), { recursive: true });
    const etc = await makeEtc(join(directory, 'rootfs'));
    const view = this.isRoot()
      ? await openView([etc, node, ...[agent, runners].filter((path) => path !== undefined), directory])
      : directView;
    const sources = {
      etc: view.see(etc),
      node: view.see(node),
      agent: agent === undefined ? undefined : view.see(agent),
      runners: runners === undefined ? undefined : view.see(runners),
    };
    const bytes = seccompBytes(machine);
    const filter = join(directory, 'rootfs', `filter-${sha256Hex(bytes).slice(0, 16)}`);
    await writeFile(filter, bytes, { mode: 0o644 });
    return {
      view,
      filter,
      rootfs: await describeRootfs(sources, agent, bytes),
      root: { path: directory, real: await realpath(directory) },
      inherited: await proc.inheritedDescriptors(),
      blank: openSync('/dev/null', 'r+'),
    };
  }

  private async pump(handle: ProcessHandle): Promise<void> {
    if (this.pumps.has(handle.id)) return;
    const file = join(handle.directory, 'log.txt');
    const pump = await SandboxLogPump.open(join(handle.directory, 'log'), file, handle.logBytes);
    if (pump !== undefined) this.pumps.set(handle.id, pump);
  }

  private async lives(handle: ProcessHandle): Promise<boolean> {
    if (handle.boot !== (await proc.bootId())) return false;
    if (await proc.isAlive(handle.keeper)) return true;
    return (await proc.isAlive(handle)) || (await membersOf(handle.cgroups)).length > 0;
  }

  /** What is left outside when the inside is gone: the keeper's process group, and whoever is in the groups. */
  private async killOutside(handle: ProcessHandle): Promise<void> {
    if (await proc.isAlive(handle.keeper)) proc.killNow(-handle.keeper.pid);
    for (const pid of everyProcess(await membersOf(handle.cgroups))) proc.killNow(pid);
  }

  private async clear(id: string, cgroups: readonly string[], directory: string): Promise<void> {
    for (const pid of everyProcess(await membersOf(cgroups))) proc.killNow(pid);
    await removeGroups(cgroups);
    await rm(directory, { recursive: true, force: true });
    this.forget(id);
  }

  private forget(id: string): void {
    this.disk.forget(id);
    this.slots.release(id);
    this.ended.delete(id);
    this.pumps.delete(id);
  }
}
