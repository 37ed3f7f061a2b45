/** A backend in a folder of its own, and sandboxes in it that run a shell script. */

import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@sallyport/core/clock';
import type { DockerEngine } from '@sallyport/testkit/wide';
import type { Backend, Exit, Handle, SandboxLog, SandboxMount, SandboxSpec } from '../src/backends/backend.ts';
import { DockerBackend } from '../src/backends/docker/docker-backend.ts';
import { ProcessBackend } from '../src/backends/process/process-backend.ts';
import { UidSlots } from '../src/backends/process/uid-slots.ts';
import { type Profile, profiles, type ResolvedLimits, resolveLimits } from '../src/profiles/profiles.ts';

export interface SandboxWish {
  readonly id?: string;
  readonly argv?: readonly string[];
  readonly mounts?: readonly SandboxMount[];
  readonly profile?: Profile;
  readonly limits?: Partial<ResolvedLimits>;
  readonly deadlineSeconds?: number;
}

export interface Finished {
  readonly exit: Exclude<Exit, { state: 'running' }>;
  readonly log: string;
  readonly dropped: number;
}

export const isRoot = process.getuid?.() === 0;

export function profileNamed(name: string): Profile {
  const profile = profiles.get(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}

/** A folder as the backend wants it, at a path that no other test uses. */
export const aFolder = (): string => mkdtempSync(join(tmpdir(), 'sally-sandbox-'));

/** What sandboxes of a ground stand on, as plain JSON. */
export type Substrate =
  | { readonly kind: 'process' }
  | ({ readonly kind: 'docker' } & Pick<DockerEngine, 'host' | 'image'>);

function backendOn(substrate: Substrate, label: string, directory: string): Backend {
  const same = { label, directory, node: process.execPath, clock: systemClock, slots: UidSlots.ofInstall(label) };
  return substrate.kind === 'process' ? new ProcessBackend(same) : new DockerBackend({ ...same, ...substrate });
}

/** A folder with a backend in it. */
export class TestGround {
  readonly substrate: Substrate;
  readonly directory: string;
  readonly label: string;
  readonly backend: Backend;
  /** The profile this machine can hold. */
  profile = profileNamed('default');
  private count = 0;

  constructor(substrate: Substrate, directory = aFolder(), label = `t${process.pid}`) {
    this.substrate = substrate;
    this.directory = directory;
    this.label = label;
    this.backend = backendOn(substrate, label, directory);
  }

  /** The same folder and install under a backend that knows nothing of this one. */
  again(): TestGround {
    return new TestGround(this.substrate, this.directory, this.label);
  }

  /** Another install. */
  elsewhere(): TestGround {
    return new TestGround(this.substrate, undefined, 'elsewhere');
  }

  /** Chooses the profile: where no group can be made, the one that says so. */
  async open(): Promise<this> {
    const groups = (await this.backend.check()).find(({ name }) => name === 'cgroup');
    if (groups?.ok === false) this.profile = profileNamed('best-effort');
    return this;
  }

  get held(): boolean {
    return this.profile.cgroup === 'required';
  }

  /** A folder that the sandbox of this id may write to. */
  async aMount(id: string, name: string, mode: 'ro' | 'rw' = 'rw'): Promise<SandboxMount> {
    const source = join(this.directory, 'mounts', id, name);
    mkdirSync(source, { recursive: true, mode: 0o755 });
    const uid = await this.backend.reserve(id, this.profile);
    if (isRoot) chownSync(source, uid, uid);
    return { name, source, mode };
  }

  nextId(): string {
    this.count += 1;
    return `w${process.pid}-${this.count}`;
  }

  aSpec(script: string, wish: SandboxWish = {}): SandboxSpec {
    const id = wish.id ?? this.nextId();
    const profile = wish.profile ?? this.profile;
    const directory = join(this.directory, 'workloads', id);
    mkdirSync(join(directory, 'tether'), { recursive: true });
    return {
      id,
      directory,
      tetherDirectory: join(directory, 'tether'),
      mounts: wish.mounts ?? [],
      argv: wish.argv ?? ['/bin/sh', '-c', script],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/tmp/home', LC_ALL: 'C' },
      profile,
      limits: { ...resolveLimits(profile, undefined), ...wish.limits },
      deadlineSeconds: wish.deadlineSeconds ?? 250,
    };
  }

  async start(script: string, wish: SandboxWish = {}): Promise<Handle> {
    return this.backend.start(this.aSpec(script, wish));
  }

  /** Waits for the end, reads the log, clears. */
  async finish(handle: Handle): Promise<Finished> {
    const exit = await this.backend.waitExit(handle);
    const { tail, dropped } = await this.backend.log(handle, 4 * 1024 ** 2);
    await this.backend.cleanup(handle);
    return { exit, log: Buffer.from(tail).toString('utf8'), dropped };
  }

  async run(script: string, wish: SandboxWish = {}): Promise<Finished> {
    return this.finish(await this.start(script, wish));
  }

  /** Waits until a sandbox has printed a word. */
  said(handle: Handle, word: string): Promise<void> {
    return this.logged(handle, ({ tail }) => Buffer.from(tail).toString('utf8').includes(word));
  }

  /** Waits until so many bytes of what a sandbox printed were thrown away. */
  dropped(handle: Handle, bytes: number): Promise<void> {
    return this.logged(handle, ({ dropped }) => dropped >= bytes);
  }

  private async logged(handle: Handle, holds: (log: SandboxLog) => boolean): Promise<void> {
    const until = AbortSignal.timeout(120_000);
    while (!holds(await this.backend.log(handle, 65_536))) {
      until.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close(): Promise<void> {
    for (const found of await this.backend.list()) await this.backend.reap(found);
    await this.backend.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
