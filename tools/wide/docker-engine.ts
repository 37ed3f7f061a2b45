/** A Docker engine of the run's own: its own data, socket and containers; the machine's is left alone. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { findProgram } from './programs.ts';

const patienceMs = 60_000;

/** containerd without what only Kubernetes needs of it. */
const containerdConfig = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n';

/**
 * The engine and its containerd as two processes, as distributions run them: what the engine started lives on when the engine
 * itself dies.
 */
export class DockerEngineProcess {
  readonly directory = mkdtempSync(join(tmpdir(), 'sally-dk-'));
  readonly socket = join(this.directory, 'd.sock');
  readonly docker = new Docker({ socketPath: this.socket });
  readonly #flags: readonly string[];
  #engine: ChildProcess | undefined;
  #containerd: ChildProcess | undefined;

  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
  }

  get pid(): number {
    return this.#engine?.pid ?? 0;
  }

  /** Starts the engine and resolves once its API answers; `more` are flags of this start only. */
  async start(more: readonly string[] = []): Promise<void> {
    const at = (name: string): string => join(this.directory, name);
    const containerd = at('c.sock');
    if (this.#containerd === undefined) {
      writeFileSync(at('containerd.toml'), containerdConfig);
      const places = ['--root', at('c-root'), '--state', at('c-state'), '--address', containerd];
      this.#containerd = this.#spawn('containerd', ['--config', at('containerd.toml'), ...places]);
    }
    const places = ['--data-root', at('root'), '--exec-root', at('exec'), '--pidfile', at('pid')];
    const host = ['--host', `unix://${this.socket}`, '--containerd', containerd];
    // No bridge and no rule of the machine's firewall: sandboxes have no network, and builds use the host's.
    const alone = ['--bridge', 'none', '--iptables=false', '--ip6tables=false'];
    const engine = this.#spawn('dockerd', [...places, ...host, ...alone, ...this.#flags, ...more]);
    this.#engine = engine;
    const begun = performance.now();
    while (!(await this.#answers())) {
      if (!lives(engine) || performance.now() - begun > patienceMs)
        throw new Error(`dockerd did not come up: ${this.log().slice(-1500)}`);
      await delay(50);
    }
  }

  /** Ends the engine: with SIGTERM it stops its containers first, with SIGKILL it leaves them to the next start. */
  end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    return endOf(this.#engine, signal);
  }

  /** Ends it with everything it started, and leaves nothing. */
  async remove(): Promise<void> {
    const containers = await this.docker.listContainers({ all: true }).catch(() => []);
    await Promise.allSettled(containers.map(({ Id }) => this.docker.getContainer(Id).remove({ force: true })));
    await this.end();
    await endOf(this.#containerd, 'SIGTERM');
    for (const mount of this.#mounts()) spawn('umount', ['-l', mount], { stdio: 'ignore' });
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8');
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.directory, 'log'), 'a');
    const child = spawn(findProgram(program) ?? program, [...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
      detached: true,
    });
    closeSync(log);
    return child;
  }

  async #answers(): Promise<boolean> {
    return this.docker.ping().then(
      () => true,
      () => false,
    );
  }

  #mounts(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(`${this.directory}/`))
      .toReversed();
  }
}

const lives = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function endOf(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || !lives(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
