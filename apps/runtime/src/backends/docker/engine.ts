/**
 * The container engine, as far as a runtime may use it: containers that bear the label of this install, and no other.
 *
 * A question the engine does not answer throws `runtime.engine_unreachable`; it is never taken for an answer.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import { engineUnreachable } from '../backend-faults.ts';
import { labels } from './create-body.ts';

/** What an engine says of itself. */
export interface EngineFacts {
  readonly version: string;
  /** Version of runc as the engine tells it; undefined when it names none. */
  readonly runc: string | undefined;
  /** First uid and gid of the user namespace containers get; undefined when they share the host's. */
  readonly userns: number | undefined;
  readonly seccomp: boolean;
}

/** What became of a container. */
export interface ContainerFacts {
  readonly running: boolean;
  readonly pid: number;
  readonly exitCode: number;
  readonly oom: boolean;
  readonly image: string;
}

const callMs = 30_000;
const removingMs = 20;

const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;

/** The engine's own words for a refusal. */
export const saidBy = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 500);
};

export class Engine {
  readonly host: string;
  private readonly label: string;
  private docker: Promise<Docker> | undefined;

  /** `host` is the engine's Unix socket, as `unix:///var/run/docker.sock`. */
  constructor(host: string, label: string) {
    this.host = host;
    this.label = label;
  }

  /** @throws Fault `runtime.engine_unreachable`. */
  async facts(): Promise<EngineFacts> {
    return this.ask('version', async (docker) => {
      const [version, info] = await Promise.all([docker.version(), docker.info() as Promise<EngineInfo>]);
      const components = (version as { Components?: readonly { Name: string; Version: string }[] }).Components ?? [];
      const options = info.SecurityOptions ?? [];
      // The engine keeps each mapping's data in a folder of its own, named for it.
      const mapped = /\/(\d+)\.\d+$/.exec(info.DockerRootDir ?? '')?.[1];
      const hasUserns = options.some((option) => option.startsWith('name=userns'));
      return {
        version: version.Version,
        runc: components.find(({ Name }) => Name === 'runc')?.Version,
        userns: hasUserns && mapped !== undefined ? Number(mapped) : undefined,
        seccomp: options.some((option) => option.startsWith('name=seccomp')),
      };
    });
  }

  /** Id of an image that is there; undefined when it is not. Nothing is pulled. */
  async imageId(name: string): Promise<string | undefined> {
    return this.ask('image', (docker) => docker.getImage(name).inspect()).then(
      ({ Id }) => Id,
      (error: unknown) => {
        if (statusOf(error) === 404) return undefined;
        throw error;
      },
    );
  }

  /** Makes a container and answers its id; undefined when its name is taken. */
  async create(body: ContainerCreateOptions): Promise<string | undefined> {
    try {
      return (await this.ask('create', (docker) => docker.createContainer(body))).id;
    } catch (error) {
      if (statusOf(error) === 409) return undefined;
      throw error;
    }
  }

  async start(container: string): Promise<void> {
    await this.ask('start', (docker) => docker.getContainer(container).start());
  }

  /** What became of a container of ours; undefined when the engine knows none such, or another install's. */
  async inspect(container: string): Promise<ContainerFacts | undefined> {
    try {
      const found = await this.ask('inspect', (docker) => docker.getContainer(container).inspect());
      return found.Config.Labels?.[labels.install] === this.label ? factsOf(found) : undefined;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Resolves when a container no longer runs, or when the engine hangs up. */
  async waited(container: string, signal: AbortSignal): Promise<void> {
    const docker = await this.client();
    // The engine holds the answer back until the end, so this call has no limit of its own.
    await docker
      .getContainer(container)
      .wait({ condition: 'not-running', abortSignal: signal })
      .catch(() => undefined);
  }

  /** Removes a container of ours with all it is and resolves when it is gone; one that is gone, or another install's, is left alone. */
  async remove(container: string): Promise<void> {
    while ((await this.inspect(container)) !== undefined) {
      try {
        await this.ask('remove', (docker) => docker.getContainer(container).remove({ force: true, v: true }));
      } catch (error) {
        if (statusOf(error) === 404) return;
        // Somebody removes it already.
        if (statusOf(error) !== 409) throw error;
        await delay(removingMs);
      }
    }
  }

  /** Containers of this install, or of one workload of it. */
  async containersOf(workload?: string): Promise<readonly { id: string; workload: string; state: string }[]> {
    const label = [`${labels.install}=${this.label}`];
    if (workload !== undefined) label.push(`${labels.workload}=${workload}`);
    const found = await this.ask('list', (docker) => docker.listContainers({ all: true, filters: { label } }));
    return found.map(({ Id, Labels, State }) => ({ id: Id, workload: Labels[labels.workload] ?? '', state: State }));
  }

  /** A refusal of the engine keeps its status; no answer at all is a Fault. */
  private async ask<T>(what: string, work: (docker: Docker) => Promise<T>): Promise<T> {
    const docker = await this.client();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${callMs / 1000} s`)), callMs);
    });
    try {
      return await Promise.race([work(docker), late]);
    } catch (error) {
      throw statusOf(error) === undefined ? engineUnreachable(what, error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The client is large, and most edges never need it. */
  private client(): Promise<Docker> {
    this.docker ??= import('dockerode').then(
      ({ default: Client }) => new Client({ socketPath: this.host.replace(/^unix:\/\//, '') }),
    );
    return this.docker;
  }
}

interface EngineInfo {
  readonly SecurityOptions?: readonly string[];
  readonly DockerRootDir?: string;
}

const factsOf = ({ State, Image }: ContainerInspectInfo): ContainerFacts => ({
  running: State.Running || State.Restarting || State.Status === 'created',
  pid: State.Pid,
  exitCode: State.ExitCode,
  oom: State.OOMKilled,
  image: Image,
});
