/**
 * Workloads as containers of a Docker engine on this machine. docs/decisions/0006-docker-sandbox.md says why each part is as it is.
 *
 * What lives is asked of the kernel, by pid, start time and control group; what became of it, of the engine. The engine may be
 * away: sandboxes go on, and only a long silence over a sandbox that the kernel knows no more is taken for its loss.
 */

import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Evidence, EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import type { Clock } from '@sallyport/core/clock';
import type { Profile } from '../../profiles/profiles.ts';
import type { Backend, Capability, DiskUse, DockerHandle, Exit, Found, SandboxLog, SandboxSpec } from '../backend.ts';
import { isolationMissing, killUnconfirmed, notRunning, stillAlive } from '../backend-faults.ts';
import { membersOf } from '../process/cgroups.ts';
import { DiskWatch } from '../process/disk-watch.ts';
import { killedCode } from '../process/exit-evidence.ts';
import { checkMounts } from '../process/launch.ts';
import * as proc from '../process/proc.ts';
import { mountsHash } from '../process/rootfs.ts';
import { SandboxLogPump, tailOf } from '../process/sandbox-log.ts';
import { UidSlots } from '../process/uid-slots.ts';
import { checkEngine } from './capabilities.ts';
import { Engine } from './engine.ts';
import { type DockerGround, type GroundSources, layGround } from './ground.ts';
import { type LaunchedContainer, launchContainer } from './launch.ts';
import { holesOf } from './runc.ts';

export interface DockerBackendOptions extends GroundSources {
  /** The engine's Unix socket, `unix:///var/run/docker.sock`. */
  readonly host: string;
  readonly clock: Clock;
  /** Where uids of the host are drawn from; shared with whatever else gives uids on this edge. */
  readonly slots: UidSlots;
}

/** How often an end is looked for beside what the engine tells; and while the engine is behind the kernel. */
const pollMs = 1000;
const behindMs = 20;
const killPatienceMs = 5000;
const lastWordMs = 1000;
const closeMs = 5000;
/** Holds the end of a sandbox once it was observed: its container need not be kept for that. */
const notedFile = 'exit';
/** How long the engine may be silent over a sandbox that is gone before its end counts as lost. */
const silenceMs = 60_000;

/** Uids of a user namespace that are given to workloads; an image's own people lie below. */
const mappedFrom = 10_000;
const mappedCount = 50_000;

const aliveStates: ReadonlySet<string> = new Set(['created', 'running', 'paused', 'restarting', 'removing']);

export class DockerBackend implements Backend<DockerHandle> {
  private readonly options: DockerBackendOptions;
  private readonly engine: Engine;
  private readonly disk: DiskWatch;
  private readonly pumps = new Map<string, SandboxLogPump>();
  private readonly silentSince = new Map<string, number>();
  private readonly adopted = new Map<string, number>();
  private mapped: UidSlots | undefined;
  private ground: Promise<DockerGround> | undefined;
  /** Whether this install has to do with the engine at all. */
  private used: boolean;

  constructor(options: DockerBackendOptions) {
    this.options = { ...options, directory: resolve(options.directory) };
    this.engine = new Engine(options.host, options.label);
    this.disk = new DiskWatch(options.clock);
    this.used = options.image !== undefined;
  }

  async warm(): Promise<void> {
    if (this.used) await this.prepared().catch(() => undefined);
  }

  async check(): Promise<readonly Capability[]> {
    return this.used ? checkEngine(this.engine, this.options.image) : [];
  }

  async reserve(id: string, _profile: Profile): Promise<number> {
    // What was taken over has its uid whatever the engine says by now.
    return this.adopted.get(id) ?? this.slotsOf(await this.prepared()).reserve(id);
  }

  async start(spec: SandboxSpec): Promise<DockerHandle> {
    const ground = await this.prepared();
    if (spec.profile.engine === 'strict') assertStrict(ground);
    this.pumps.get(spec.id)?.close();
    this.pumps.delete(spec.id);
    const directory = join(spec.directory, 'sandbox');
    const uid = this.slotsOf(ground).reserve(spec.id);
    const { engine } = this;
    let launched: LaunchedContainer;
    try {
      await checkMounts(spec, ground.root, false);
      launched = await launchContainer({ spec, directory, ground, uid, engine, marker: this.marker(spec.id) });
    } catch (error) {
      if (!isStillAlive(error)) await this.abandon(spec.id, directory);
      throw error;
    }
    const handle: DockerHandle = {
      backend: 'docker',
      id: spec.id,
      container: launched.container,
      image: ground.image,
      ...launched.first,
      keeper: launched.keeper.identity,
      boot: await proc.bootId(),
      uid,
      directory,
      cgroups: launched.cgroups,
      rootfsHash: ground.rootfsHash,
      mountsHash: mountsHash(spec.mounts),
      logBytes: spec.profile.logBytes,
      disk: {
        directories: spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source),
        limit: { bytes: spec.limits.diskBytes, files: spec.profile.files },
      },
    };
    await this.pump(handle);
    launched.keeper.say(String(handle.pid));
    launched.keeper.release();
    return handle;
  }

  async adopt(handle: DockerHandle): Promise<void> {
    this.used = true;
    this.adopted.set(handle.id, handle.uid);
    this.options.slots.adopt(handle.id, handle.uid);
    this.mapped?.adopt(handle.id, handle.uid);
    await this.pump(handle);
    await this.disk.adopt(handle);
  }

  async exitCode(handle: DockerHandle): Promise<Exit> {
    if (await this.lives(handle)) return { state: 'running' };
    const noted = await proc.readIfThere(join(handle.directory, notedFile));
    if (noted !== undefined) return JSON.parse(noted) as Exit;
    const isDeadline = (await proc.readIfThere(join(handle.directory, 'ended')))?.trim() === '124';
    const facts = await this.engine.inspect(handle.container).catch((error: unknown) => this.silent(handle, error));
    if (isDeadline) return { state: 'exited', code: killedCode, oom: false, deadline: true };
    if (facts === undefined) return { state: 'lost' };
    if (facts.running) return { state: 'running' };
    this.silentSince.delete(handle.id);
    return { state: 'exited', code: facts.exitCode, oom: facts.oom && facts.exitCode !== 0, deadline: false };
  }

  async waitExit(handle: DockerHandle, signal?: AbortSignal): Promise<Exclude<Exit, { state: 'running' }>> {
    for (;;) {
      signal?.throwIfAborted();
      // A look that fails is no exit; the next one may see.
      const exit = await this.exitCode(handle).catch(() => ({ state: 'running' }) as const);
      if (exit.state !== 'running') {
        await this.note(handle, exit);
        return exit;
      }
      // Nobody else would end it at its deadline.
      if (!(await proc.isAlive(handle.keeper))) await this.kill(handle).catch(() => undefined);
      const over = new AbortController();
      const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
      const isBehind = !(await this.lives(handle).catch(() => true));
      const pause = delay(isBehind ? behindMs : pollMs, undefined, { signal: either }).catch(() => undefined);
      await (isBehind ? pause : Promise.race([pause, this.engine.waited(handle.container, either)]));
      over.abort();
    }
  }

  async terminate(handle: DockerHandle): Promise<void> {
    if (!(await proc.isAlive(handle))) return;
    for (const pid of await proc.childrenOf(handle.pid)) {
      const startTime = await proc.startTimeOf(pid);
      if (startTime !== undefined) await proc.signalProcess({ pid, startTime }, 'SIGTERM');
    }
  }

  async kill(handle: DockerHandle): Promise<void> {
    if (handle.boot !== (await proc.bootId())) return;
    // The first process of a pid namespace takes every other with it; no engine is needed for that.
    await proc.signalProcess(handle, 'SIGKILL');
    const begun = this.options.clock.monotonic();
    while (await this.lives(handle)) {
      if (this.options.clock.monotonic() - begun > killPatienceMs) throw killUnconfirmed(handle.id);
      for (const pid of await membersOf(handle.cgroups)) if (pid > 1) proc.killNow(pid);
      await delay(2);
    }
    // The engine hears of it a moment later; one that does not answer is not waited for.
    while (
      this.options.clock.monotonic() - begun < lastWordMs &&
      (await this.exitCode(handle).catch(() => undefined))?.state === 'running'
    )
      await delay(behindMs);
  }

  async cleanup(handle: DockerHandle): Promise<void> {
    if (await this.lives(handle)) throw stillAlive(handle.id);
    this.pumps.get(handle.id)?.close();
    await this.engine.remove(handle.container);
    if (await proc.isAlive(handle.keeper)) proc.killNow(-handle.keeper.pid);
    await rm(handle.directory, { recursive: true, force: true });
    this.forget(handle.id);
  }

  async evidence(handle: DockerHandle): Promise<Evidence> {
    try {
      const [namespaces, uid, cgroup, boot] = await Promise.all([
        proc.namespacesOf(handle.pid),
        proc.uidOf(handle.pid),
        proc.cgroupOf(handle.pid),
        proc.bootId(),
      ]);
      // Asked last: what was read above is of this process only if it still is this process.
      if (!(await proc.isAlive(handle)) || !cgroup.includes(handle.container)) throw notRunning(handle.id);
      return create(EvidenceSchema, {
        format: 'docker',
        pid: BigInt(handle.pid),
        startTime: BigInt(handle.startTime),
        namespaces,
        cgroup,
        rootfsHash: handle.rootfsHash,
        mountsHash: handle.mountsHash,
        image: handle.image,
        boot,
        uid: BigInt(uid),
      });
    } catch (error) {
      throw proc.isGone(error) ? notRunning(handle.id) : error;
    }
  }

  async log(handle: DockerHandle, bytes: number): Promise<SandboxLog> {
    const pump = this.pumps.get(handle.id);
    const running = pump !== undefined && (await this.lives(handle));
    // The keeper holds the pipe open beyond the sandbox; with both gone it ends, and everything is in the file.
    if (!running && (await proc.isAlive(handle.keeper))) proc.killNow(-handle.keeper.pid);
    if (pump !== undefined) await (running ? pump.flushed() : Promise.race([pump.done, delay(1000)]));
    return { tail: await tailOf(join(handle.directory, 'log.txt'), bytes), dropped: pump?.dropped ?? 0 };
  }

  async list(): Promise<readonly Found[]> {
    if (!this.used) return [];
    const containers = await this.engine.containersOf();
    void this.clearNoted(containers).catch(() => undefined);
    return containers
      .filter(({ workload, state }) => aliveStates.has(state) || !this.isRemembered(workload))
      .map(({ workload }) => ({ backend: 'docker', id: workload }));
  }

  async reap({ id }: Found): Promise<void> {
    if (!this.used) return;
    await this.abandon(id);
    if ((await this.engine.containersOf(id)).length > 0) throw killUnconfirmed(id);
  }

  async holdDisk(handle: DockerHandle, standing?: DiskUse): Promise<void> {
    await this.disk.hold(handle, standing);
  }

  onOverDisk(listener: (id: string, used: DiskUse) => void): void {
    this.disk.onOver(listener);
  }

  async close(): Promise<void> {
    const cleared = this.used
      ? this.engine.containersOf().then((containers) => this.clearNoted(containers))
      : undefined;
    // What an engine that does not answer keeps is given back by the next process.
    await Promise.race([cleared, delay(closeMs, undefined, { ref: false })]).catch(() => undefined);
    this.disk.close();
    for (const pump of this.pumps.values()) pump.close();
  }

  private marker(id: string): string {
    return `sallyport-docker:${this.options.label}/${id}`;
  }

  /** Whether the runtime still keeps anything of a workload, its end perhaps not yet told. */
  private isRemembered(id: string): boolean {
    return existsSync(join(this.options.directory, 'workloads', id));
  }

  /** The ground every start stands on; laid again when that failed. */
  private prepared(): Promise<DockerGround> {
    const lay = (): Promise<DockerGround> => layGround(this.engine, this.options);
    this.ground = this.ground?.catch(lay) ?? lay();
    return this.ground;
  }

  private slotsOf({ facts }: DockerGround): UidSlots {
    if (facts.userns === undefined) return this.options.slots;
    if (this.mapped === undefined) {
      this.mapped = UidSlots.between(facts.userns + mappedFrom, mappedCount);
      for (const [id, uid] of this.adopted) this.mapped.adopt(id, uid);
    }
    return this.mapped;
  }

  private async pump(handle: DockerHandle): Promise<void> {
    if (this.pumps.has(handle.id)) return;
    const file = join(handle.directory, 'log.txt');
    const pump = await SandboxLogPump.open(join(handle.directory, 'control', 'log'), file, handle.logBytes);
    if (pump !== undefined) this.pumps.set(handle.id, pump);
  }

  private async lives(handle: DockerHandle): Promise<boolean> {
    if (handle.boot !== (await proc.bootId())) return false;
    return (await proc.isAlive(handle)) || (await membersOf(handle.cgroups)).length > 0;
  }

  /** Keeps an observed end beside the workload's files, and gives its container back. */
  private async note(handle: DockerHandle, exit: Exit): Promise<void> {
    if (exit.state !== 'exited') return;
    const file = join(handle.directory, notedFile);
    try {
      await writeFile(`${file}.next`, JSON.stringify(exit), { mode: 0o600 });
      await rename(`${file}.next`, file);
      void this.engine.remove(handle.container).catch(() => undefined);
    } catch {
      // The container is kept and says it again.
    }
  }

  /** Removes containers whose end is kept: the engine may have been away, or killed, as they were to go. */
  private async clearNoted(containers: Awaited<ReturnType<Engine['containersOf']>>): Promise<void> {
    const isNoted = (id: string): boolean =>
      existsSync(join(this.options.directory, 'workloads', id, 'sandbox', notedFile));
    const over = containers.filter(({ workload, state }) => !aliveStates.has(state) && isNoted(workload));
    await Promise.allSettled(over.map(({ id }) => this.engine.remove(id)));
  }

  /** The kernel knows the sandbox no more and the engine says nothing: not an end, until it has said nothing for long. */
  private silent(handle: DockerHandle, error: unknown): undefined {
    const now = this.options.clock.monotonic();
    const since = this.silentSince.get(handle.id) ?? now;
    this.silentSince.set(handle.id, since);
    if (now - since < silenceMs) throw error;
    return undefined;
  }

  /** Clears what bears the label of a workload: containers, keepers, files. */
  private async abandon(id: string, directory?: string): Promise<void> {
    for (const { id: container } of await this.engine.containersOf(id)) await this.engine.remove(container);
    for (const { pid, mark } of await proc.processesMarked(this.marker(id)))
      if (mark === this.marker(id)) proc.killNow(-pid);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    this.forget(id);
  }

  private forget(id: string): void {
    this.disk.forget(id);
    this.options.slots.release(id);
    this.mapped?.release(id);
    this.adopted.delete(id);
    this.pumps.delete(id);
    this.silentSince.delete(id);
  }
}

const isStillAlive = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'reason' in error && error.reason === 'runtime.still_alive';

/** For a profile that shares no known hole: an engine that cannot promise that starts nothing of it. */
function assertStrict({ facts }: DockerGround): void {
  const holes = holesOf(facts.runc);
  if (holes !== undefined) throw isolationMissing('runc', `${holes}; upgrade runc, or name a profile without strict`);
  if (facts.userns === undefined)
    throw isolationMissing(
      'userns',
      'containers share the host’s user namespace; start the engine with --userns-remap',
    );
}
