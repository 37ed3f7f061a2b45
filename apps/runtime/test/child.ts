/** The runtime as a process of its own, to be killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { World } from './world.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

export class RuntimeChild {
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  constructor(world: World) {
    this.#env = {
      ...world.env(),
      PATH: process.env['PATH'],
      SALLY_NATS_URL: world.bus.url,
      SALLY_NATS_SEED_FILE: world.bus.seedFile('runtime'),
      SALLY_LOG_LEVEL: 'silent',
    };
  }

  /** Resolves when it takes calls. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--import', join(here, 'swc-hook.mjs'), join(here, '../src/main.ts')], {
      env: this.#env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process = child;
    const ready = once(child, 'message');
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`the runtime ended with ${code}`);
    });
    // After it was ready an end is what the test is about.
    gone.catch(() => undefined);
    await Promise.race([ready, gone]);
  }

  /** Ends it and resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
