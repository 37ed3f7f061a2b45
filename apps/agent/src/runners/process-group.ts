/** A command in a process group of its own, so that stopping it reaches whatever it started. */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { systemCode } from '../system-error.ts';

export interface Command {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Give it a stdin to be written to; otherwise it reads nothing from the start. */
  readonly stdin?: boolean;
}

/** How a command ended; `failed` is the system's word when it could not be started at all. */
export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'failed'; readonly error: string };

/** Milliseconds between the polite signal and the other one. */
const graceMillis = 1200;
/** Milliseconds between looks for output that still arrives after the command itself is gone. */
const drainMillis = 150;

/** Throws a plain Error on arguments no program can be started with: an empty name, a NUL. */
export class ProcessGroup {
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Writing to a command that no longer reads is not an error. */
  readonly stdin: Writable | undefined;
  /** Settles when the command has ended, its group is killed and its output is read to the end. Never rejects. */
  readonly ended: Promise<Exit>;
  private readonly child: ChildProcess;
  private killer: NodeJS.Timeout | undefined;
  private seen = -1;

  constructor(command: Command) {
    const [program = '', ...args] = command.argv;
    const child = spawn(program, args, {
      cwd: command.directory,
      env: command.env,
      detached: true,
      stdio: [command.stdin === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    // Pipes of a child are sockets to Node; its types promise less.
    this.stdout = child.stdout as Socket;
    this.stderr = child.stderr as Socket;
    this.stdin = child.stdin ?? undefined;
    this.stdin?.on('error', () => undefined);
    this.ended = this.watch();
  }

  /** TERM to the whole group, KILL to what is left of it after the grace. */
  stop(): void {
    if (this.killer !== undefined) return;
    this.signal('SIGTERM');
    this.killer = setTimeout(() => this.signal('SIGKILL'), graceMillis);
  }

  kill(): void {
    this.signal('SIGKILL');
  }

  /** The command's own id, which is its group's; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  private watch(): Promise<Exit> {
    return new Promise((resolve) => {
      let exit: Exit | undefined;
      const settle = (): void => {
        clearTimeout(this.killer);
        this.stdout.destroy();
        this.stderr.destroy();
        if (exit !== undefined) resolve(exit);
      };
      this.child.once('error', (error) => {
        // After a start that worked, an error is a signal that found nobody.
        if (this.child.pid !== undefined) return;
        exit = { kind: 'failed', error: systemCode(error) };
        settle();
      });
      this.child.once('exit', (code, signal) => {
        exit = signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal };
        const drain = setInterval(() => {
          // What the command left running keeps the pipes open and must not outlive it; what escaped the group is not waited for.
          this.signal('SIGKILL');
          if (this.isSilent()) {
            this.stdout.destroy();
            this.stderr.destroy();
          }
        }, drainMillis);
        this.child.once('close', () => {
          clearInterval(drain);
          this.signal('SIGKILL');
          settle();
        });
      });
    });
  }

  /** Whether nothing is waiting in the pipes and nothing came since the last look. */
  private isSilent(): boolean {
    const read = this.stdout.bytesRead + this.stderr.bytesRead;
    const silent = read === this.seen && this.stdout.readableLength + this.stderr.readableLength === 0;
    this.seen = read;
    return silent;
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // The group has no member left.
    }
  }
}
