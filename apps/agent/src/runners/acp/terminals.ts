/** Commands an agent has run for it: each a process group of its own, its output kept in bounded memory. */

import type { Readable } from 'node:stream';
import { systemCode } from '../../system-error.ts';
import { type Exit, ProcessGroup } from '../process-group.ts';
import { Refused } from './places.ts';

const maxTerminals = 32;
/** Bytes of output kept at most, whatever an agent asks for. */
const maxOutput = 1024 * 1024;

export interface TerminalStart {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Bytes of output to keep; the beginning goes first. */
  readonly limit: number | undefined;
}

export interface TerminalState {
  readonly output: string;
  readonly truncated: boolean;
  readonly exit: Exit | undefined;
}

class Terminal {
  readonly ended: Promise<Exit>;
  private readonly group: ProcessGroup;
  private readonly limit: number;
  private kept = Buffer.alloc(0);
  private truncated = false;
  private exit: Exit | undefined;

  constructor({ argv, directory, env, limit = maxOutput }: TerminalStart) {
    this.limit = Math.min(maxOutput, Math.max(0, limit));
    this.group = new ProcessGroup({ argv, directory, env });
    const reading = Promise.all([this.read(this.group.stdout), this.read(this.group.stderr)]);
    this.ended = this.group.ended.then(async (exit) => {
      await reading;
      this.exit = exit;
      return exit;
    });
  }

  get state(): TerminalState {
    const output = this.truncated ? wholeCharacters(this.kept) : this.kept.toString('utf8');
    return { output, truncated: this.truncated, exit: this.exit };
  }

  stop(): void {
    this.group.stop();
  }

  private async read(from: Readable): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const all = Buffer.concat([this.kept, chunk]);
        this.truncated ||= all.length > this.limit;
        this.kept = all.subarray(Math.max(0, all.length - this.limit));
      }
    } catch (error) {
      if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  }
}

/** Output that was cut begins with a whole character. */
function wholeCharacters(bytes: Buffer): string {
  let from = 0;
  while (from < 3 && from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
  return bytes.toString('utf8', from);
}

export class Terminals {
  private readonly running = new Map<string, Terminal>();
  private made = 0;

  /** Answers the terminal's id. Throws Refused. */
  create(start: TerminalStart): string {
    if (this.running.size >= maxTerminals) throw new Refused(`there are ${maxTerminals} terminals already`);
    this.made += 1;
    const id = `term_${this.made}`;
    try {
      this.running.set(id, new Terminal(start));
    } catch {
      throw new Refused('no program can be started with these arguments');
    }
    return id;
  }

  state(id: string): TerminalState {
    return this.find(id).state;
  }

  ended(id: string): Promise<Exit> {
    return this.find(id).ended;
  }

  kill(id: string): void {
    this.find(id).stop();
  }

  release(id: string): void {
    this.find(id).stop();
    this.running.delete(id);
  }

  stopAll(): void {
    for (const terminal of this.running.values()) terminal.stop();
  }

  private find(id: string): Terminal {
    const terminal = this.running.get(id);
    if (terminal === undefined) throw new Refused(`there is no terminal ${id}`);
    return terminal;
  }
}
