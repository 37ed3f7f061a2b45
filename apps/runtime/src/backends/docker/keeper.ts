/** The process outside a container that holds its deadline and keeps its pipes open; it needs no runtime. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isolationMissing } from '../backend-faults.ts';
import { type ProcessIdentity, startTimeOf } from '../process/proc.ts';
import { keeperScript } from './scripts.ts';

export interface Keeper {
  readonly identity: ProcessIdentity;
  /** Tells it the next thing it waits for: the container, then the first process, which opens the gate. */
  say(word: string): void;
  /** Lets it live on without this process. */
  release(): void;
  /** Ends it with all it started. */
  end(): void;
}

/** Starts a keeper; its pipes stand when this resolves. */
export async function startKeeper(directory: string, marker: string, deadlineSeconds: number): Promise<Keeper> {
  const child: ChildProcess = spawn('/bin/sh', ['-c', keeperScript, marker, String(deadlineSeconds)], {
    cwd: directory,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const { pid, stdin, stdout } = child;
  const end = (): void => {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
  // A broken wire shows as a gate that never opens, which ends the start.
  stdin?.on('error', () => undefined);
  const ended = once(child, 'exit').then(() => false);
  const stands = stdout !== null && (await Promise.race([once(stdout, 'data').then(() => true), ended]));
  const startTime = pid === undefined ? undefined : await startTimeOf(pid);
  if (!stands || pid === undefined || startTime === undefined) {
    end();
    throw isolationMissing('keeper', 'the pipes of a sandbox could not be made');
  }
  return {
    identity: { pid, startTime },
    say: (word) => void stdin?.write(`${word}\n`),
    release: () => {
      stdin?.end();
      stdout?.destroy();
      child.unref();
    },
    end,
  };
}
