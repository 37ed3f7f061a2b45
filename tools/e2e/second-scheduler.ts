/** Another scheduler beside the one of a started stack: the same program with the same settings, as a second machine would run it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StartedStack } from './started-stack.ts';

const ofProcess = (pid: number, what: 'cmdline' | 'environ'): readonly string[] =>
  readFileSync(`/proc/${pid}/${what}`, 'utf8').split('\0').filter(Boolean);

export class SecondScheduler {
  readonly #stack: StartedStack;
  #child: ChildProcess | undefined;

  constructor(stack: StartedStack) {
    this.#stack = stack;
  }

  /** Starts it, for the first time or again; resolves when it takes calls. */
  async start(): Promise<void> {
    const { scheduler } = await this.#stack.pids();
    if (scheduler === undefined) throw new Error('the stack has no scheduler');
    const [program = '', ...argv] = ofProcess(scheduler, 'cmdline');
    const env = Object.fromEntries(
      ofProcess(scheduler, 'environ').map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
    const child = spawn(program, argv, {
      env: { ...env, SALLY_HEALTH: `unix:${join(this.#stack.data, 'second.health')}` },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    const gone = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the second scheduler ended with ${code ?? signal}`);
    });
    // After it was ready an end is what the test is about.
    gone.catch(() => undefined);
    await Promise.race([once(child, 'message'), gone]);
  }

  /** Ends it in the middle of whatever it does, unless told to let it finish. */
  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
