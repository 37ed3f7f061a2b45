/** One process for one turn: its lines become events, its hangs are ended, and nothing it started outlives it. */

import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { AgentEvent } from '../../event.ts';
import { systemCode } from '../../system-error.ts';
import { clip } from '../native/tools/tool.ts';
import { type Exit, ProcessGroup } from '../process-group.ts';
import type { Emit } from '../runner.ts';
import type { CliCommand, Line, Reader, Reading } from './adapter.ts';
import type { Closing, Evidence } from './evidence.ts';
import { killLeftovers, turnVariable } from './leftovers.ts';
import { type CutLine, linesOf } from './lines.ts';
import { type Patience, Watchdogs } from './watchdogs.ts';

export interface TurnStart {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: CliCommand['stdin'];
  readonly read: Reader;
  readonly emit: Emit;
  readonly patience: Patience;
}

export interface Seen extends Evidence {
  readonly native: string | undefined;
  /** A call of a tool began. */
  readonly called: boolean;
}

/** Bytes of a program's stderr in one event. */
const logBytes = 64 * 1024;

export class TurnProcess {
  /** Never rejects. */
  readonly ended: Promise<Seen>;
  private readonly start: TurnStart;
  private readonly turn = randomUUID();
  private readonly dogs: Watchdogs;
  private group: ProcessGroup | undefined;
  private native: string | undefined;
  private reply = '';
  private closing: Closing | undefined;
  private readonly denied = new Set<string>();
  private refusedLast = false;
  private called = false;

  constructor(start: TurnStart) {
    this.start = start;
    this.dogs = new Watchdogs(start.patience, () => this.group?.stop());
    this.ended = this.follow();
  }

  stop(): void {
    this.dogs.force('stopped');
  }

  private async follow(): Promise<Seen> {
    const exit = await this.run();
    this.dogs.stop();
    await killLeftovers(this.turn).catch(() => 0);
    const { native, reply, closing, refusedLast, called } = this;
    return { exit, forced: this.dogs.forced, native, reply, closing, refusedLast, called };
  }

  private async run(): Promise<Exit> {
    const { argv, directory, env, stdin } = this.start;
    try {
      this.group = new ProcessGroup({
        argv,
        directory,
        env: { ...env, [turnVariable]: this.turn },
        stdin: stdin !== undefined,
      });
    } catch {
      return { kind: 'failed', error: 'EINVAL' };
    }
    const { group } = this;
    group.stdin?.write(stdin?.text ?? '');
    if (stdin?.open !== true) group.stdin?.end();
    const read = Promise.all([this.readLines(group.stdout), this.readLog(group.stderr)]).catch(() => group.kill());
    const exit = await group.ended;
    await read;
    return exit;
  }

  private async readLines(from: Readable): Promise<void> {
    try {
      for await (const line of linesOf(from as AsyncIterable<Buffer>)) await this.take(line);
    } catch (error) {
      if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  }

  private async readLog(from: Readable): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += logBytes) {
          const data = chunk.toString('base64', at, at + logBytes);
          await this.start.emit({ output: { stream: 'STREAM_STDERR', data } });
        }
      }
    } catch (error) {
      if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  }

  private async take(line: CutLine): Promise<void> {
    if ('tooLong' in line) {
      this.dogs.lostTrack();
      await this.start.emit({ raw: { text: `[a line of ${line.tooLong} bytes was left out]` } });
      return;
    }
    if (line.text.trim() === '') return;
    const json = objectOf(line.text);
    const reading = json === undefined ? undefined : this.start.read(json);
    if (reading === undefined) {
      this.dogs.heard();
      await this.start.emit({ raw: { text: clip(line.text) } });
      return;
    }
    this.note(reading);
    for (const event of reading.events) await this.start.emit(event);
  }

  private note({ events, native, reply, closing, denied, answer }: Reading): void {
    this.dogs.heard();
    for (const call of denied ?? []) this.denied.add(call);
    for (const event of events) this.noteEvent(event);
    for (const line of answer ?? []) this.group?.stdin?.write(`${line}\n`);
    if (native !== undefined) this.native = native;
    if (reply !== undefined) this.reply = clip(reply);
    if (closing === undefined) return;
    this.closing = closing;
    this.dogs.closed();
    this.group?.stdin?.end();
  }

  private noteEvent(event: AgentEvent): void {
    if ('toolStarted' in event) {
      this.called = true;
      this.dogs.toolStarted(event.toolStarted.call);
    }
    if (!('toolCompleted' in event)) return;
    const { call, ok } = event.toolCompleted;
    this.dogs.toolEnded(call);
    if (this.denied.has(call)) this.refusedLast = true;
    else if (ok) this.refusedLast = false;
  }
}

function objectOf(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}
