/** One supervised child: started, waited for until it reports ready, started again when it dies, ended on request. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { Fault } from '@sallyport/core/fault';

export interface ProcessSpec {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  /** Copies the log to the terminal too. */
  readonly verbose: boolean;
}

const readyMs = 60_000;
const maxLogBytes = 16 * 1024 * 1024;
const backoffMs = [50, 200, 500, 1_000, 2_000] as const;

/** A child that stays up. */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #node: string;
  #child: ChildProcess | undefined;
  #stopping = false;
  #deaths = 0;
  #onRestart: (name: string, why: string) => void = () => undefined;

  constructor(spec: ProcessSpec, node: string) {
    this.spec = spec;
    this.#node = node;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Hears of every death that was not asked for. */
  onRestart(listener: (name: string, why: string) => void): void {
    this.#onRestart = listener;
  }

  /** Starts it; resolves when it says it is ready. */
  async start(): Promise<void> {
    const child = this.#spawn();
    const ended = new Promise<string>((resolve) =>
      child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`)),
    );
    const ready = new Promise<'ready'>((resolve) => child.once('message', () => resolve('ready')));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`not ready after ${readyMs / 1000} s`), readyMs);
    });
    const first = await Promise.race([ready, ended, late]);
    clearTimeout(timer);
    if (first !== 'ready') {
      child.kill('SIGKILL');
      throw new Fault(
        'unavailable',
        'start.service',
        `${this.spec.name} did not start (${first}): ${lastError(this.spec.log)}\nIts whole log is ${this.spec.log}`,
        { service: this.spec.name },
      );
    }
    void ended.then((why) => this.#again(why));
  }

  /** Asks it to end; after the grace it is killed. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  }

  #spawn(): ChildProcess {
    rotate(this.spec.log);
    const log = openSync(this.spec.log, 'a', 0o600);
    const out = this.spec.verbose ? 'inherit' : log;
    // A group of its own: Ctrl-C reaches the launcher alone, which ends the others in order.
    const child = spawn(this.#node, [...this.spec.argv], {
      env: this.spec.env,
      stdio: ['ignore', out, this.spec.verbose ? 'inherit' : log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    return child;
  }

  async #again(why: string): Promise<void> {
    if (this.#stopping) return;
    this.#onRestart(this.spec.name, why);
    const wait = backoffMs[Math.min(this.#deaths++, backoffMs.length - 1)] ?? 2_000;
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (this.#stopping) return;
    try {
      await this.start();
      setTimeout(() => {
        this.#deaths = 0;
      }, 10_000).unref();
    } catch {
      await this.#again('failed to start');
    }
  }
}

function rotate(log: string): void {
  try {
    if (statSync(log).size > maxLogBytes) renameSync(log, `${log}.1`);
  } catch {
    // There is none yet.
  }
}

function lastError(log: string): string {
  try {
    const lines = readFileSync(log, 'utf8').trim().split('\n').slice(-20).reverse();
    for (const line of lines) {
      const entry = parse(line);
      if (entry?.level === 'error') return `${entry.error?.message ?? entry.msg ?? line}`;
      // What Node prints of an error that nobody caught; the line of its version comes last.
      if (/^\w*Error\b/.test(line)) return line.slice(0, 400);
    }
    return lines[0]?.slice(0, 400) || 'it said nothing';
  } catch {
    return 'it wrote no log';
  }
}

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly error?: { readonly message?: string };
}

function parse(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
