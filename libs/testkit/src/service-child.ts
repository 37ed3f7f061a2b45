/** A service run from its sources as a process of its own, to be killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const hook = fileURLToPath(new URL('./swc-hook.mjs', import.meta.url));

export interface ServiceChildInit {
  /** Its `main.ts`. */
  readonly main: URL;
  /** The whole environment it gets. */
  readonly env: NodeJS.ProcessEnv;
}

export class ServiceChild {
  readonly #init: ServiceChildInit;
  #process: ChildProcess | undefined;

  constructor(init: ServiceChildInit) {
    this.#init = init;
  }

  /** Starts it, for the first time or again; resolves when it takes calls. */
  async start(): Promise<void> {
    const main = fileURLToPath(this.#init.main);
    const child = spawn(process.execPath, ['--import', hook, main], {
      env: this.#init.env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process = child;
    const ready = once(child, 'message');
    const gone = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`${main} ended with ${code ?? signal}`);
    });
    // After it was ready an end is what the test is about.
    gone.catch(() => undefined);
    await Promise.race([ready, gone]);
  }

  /** Ends it, by default in the middle of whatever it does; resolves when it is gone, with the code it ended with by itself. */
  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  }
}
