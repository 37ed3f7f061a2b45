/**
 * Every substrate of this edge behind one port: a profile names the one it is for, a handle the one it stands on.
 *
 * They live side by side: what the edge starts with by default may change while workloads of another substrate still run.
 */

import type { Evidence } from '@sallyport/contracts/runtime/v1/evidence';
import type { Log } from '@sallyport/service/log';
import type { Profile } from '../profiles/profiles.ts';
import type {
  Backend,
  BackendKind,
  Capability,
  DiskUse,
  DockerHandle,
  Exit,
  Found,
  Handle,
  ProcessHandle,
  SandboxLog,
  SandboxSpec,
} from './backend.ts';

export interface BackendsOptions {
  readonly process: Backend<ProcessHandle>;
  readonly docker: Backend<DockerHandle>;
  /** What a profile stands on that names nothing. */
  readonly usual: BackendKind;
  readonly log: Log;
}

export class Backends implements Backend {
  private readonly options: BackendsOptions;
  private readonly blind = new Set<BackendKind>();

  constructor(options: BackendsOptions) {
    this.options = options;
  }

  /** The substrate of a profile on this edge. */
  kindOf(profile: Profile): BackendKind {
    return profile.backend ?? this.options.usual;
  }

  async check(): Promise<readonly Capability[]> {
    const lists = await Promise.all(this.each().map(([, backend]) => backend.check()));
    return lists.flat();
  }

  async warm(): Promise<void> {
    await Promise.all(this.each().map(([, backend]) => backend.warm()));
  }

  reserve(id: string, profile: Profile): Promise<number> {
    return this.options[this.kindOf(profile)].reserve(id, profile);
  }

  start(spec: SandboxSpec): Promise<Handle> {
    return this.options[this.kindOf(spec.profile)].start(spec);
  }

  adopt(handle: Handle): Promise<void> {
    return this.on(handle, (backend, own) => backend.adopt(own));
  }

  exitCode(handle: Handle): Promise<Exit> {
    return this.on(handle, (backend, own) => backend.exitCode(own));
  }

  waitExit(handle: Handle, signal?: AbortSignal): Promise<Exclude<Exit, { state: 'running' }>> {
    return this.on(handle, (backend, own) => backend.waitExit(own, signal));
  }

  terminate(handle: Handle): Promise<void> {
    return this.on(handle, (backend, own) => backend.terminate(own));
  }

  kill(handle: Handle): Promise<void> {
    return this.on(handle, (backend, own) => backend.kill(own));
  }

  cleanup(handle: Handle): Promise<void> {
    return this.on(handle, (backend, own) => backend.cleanup(own));
  }

  evidence(handle: Handle): Promise<Evidence> {
    return this.on(handle, (backend, own) => backend.evidence(own));
  }

  log(handle: Handle, bytes: number): Promise<SandboxLog> {
    return this.on(handle, (backend, own) => backend.log(own, bytes));
  }

  /** What can be seen: a substrate that does not answer hides its own sandboxes and nobody else's. */
  async list(): Promise<readonly Found[]> {
    const lists = await Promise.all(this.each().map(([kind, backend]) => this.look(kind, backend)));
    return lists.flat();
  }

  reap(found: Found): Promise<void> {
    return this.options[found.backend].reap(found);
  }

  holdDisk(handle: Handle, standing?: DiskUse): Promise<void> {
    return this.on(handle, (backend, own) => backend.holdDisk(own, standing));
  }

  onOverDisk(listener: (id: string, used: DiskUse) => void): void {
    for (const [, backend] of this.each()) backend.onOverDisk(listener);
  }

  async close(): Promise<void> {
    await Promise.all(this.each().map(([, backend]) => backend.close()));
  }

  private each(): readonly (readonly [BackendKind, Backend<ProcessHandle> | Backend<DockerHandle>])[] {
    return [
      ['process', this.options.process],
      ['docker', this.options.docker],
    ];
  }

  /** One word when a substrate falls silent, not one a look. */
  private async look(kind: BackendKind, backend: Pick<Backend, 'list'>): Promise<readonly Found[]> {
    try {
      const found = await backend.list();
      this.blind.delete(kind);
      return found;
    } catch (error) {
      if (!this.blind.has(kind)) this.options.log.warn({ backend: kind, error }, 'its sandboxes cannot be listed');
      this.blind.add(kind);
      return [];
    }
  }

  private on<T>(handle: Handle, work: <H extends Handle>(backend: Backend<H>, own: H) => Promise<T>): Promise<T> {
    return handle.backend === 'process' ? work(this.options.process, handle) : work(this.options.docker, handle);
  }
}
