/**
 * What a supervisor prints, through a named pipe into a file with a cap.
 *
 * Beyond the cap the pipe is read slowly and thrown away: a flood blocks whoever floods and costs the runtime a fixed trickle.
 * The pipe lives as long as the sandbox, so a later process of the runtime opens it again and misses nothing.
 */

import { constants, createWriteStream, open as openCallback, type WriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { isGone } from './proc.ts';

/** Pause between two reads beyond the cap: at 64 KiB a read, 1.3 MB/s at most. */
const tricklePauseMs = 50;

const openDescriptor = promisify(openCallback);

export class SandboxLogPump {
  readonly done: Promise<void>;
  private room: number;
  private droppedBytes = 0;
  private readonly pipe: Socket;
  private readonly file: WriteStream;

  private constructor(descriptor: number, path: string, room: number) {
    this.room = room;
    this.file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.pipe = new Socket({ fd: descriptor, readable: true, writable: false });
    this.pipe.on('data', (bytes: Buffer) => this.take(bytes));
    this.pipe.on('error', () => this.pipe.destroy());
    this.file.on('error', () => this.pipe.destroy());
    this.pipe.unref();
    this.done = new Promise((resolve) => {
      this.pipe.once('close', () => this.file.end(() => resolve()));
    });
  }

  /** Opens a sandbox's pipe; undefined when there is none. `cap` counts what the file already holds. */
  static async open(pipe: string, path: string, cap: number): Promise<SandboxLogPump | undefined> {
    const held = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    try {
      const descriptor = await openDescriptor(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      return new SandboxLogPump(descriptor, path, Math.max(0, cap - held));
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  get dropped(): number {
    return this.droppedBytes;
  }

  /** Resolves when what was taken so far is in the file. */
  async flushed(): Promise<void> {
    await new Promise<void>((resolve) => this.file.write('', () => resolve()));
  }

  /** Stops reading; the pipe holds what comes after. */
  close(): void {
    this.pipe.destroy();
  }

  private take(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.room);
    this.room -= kept.length;
    this.droppedBytes += bytes.length - kept.length;
    if (kept.length > 0) this.file.write(kept);
    if (this.room > 0) return;
    this.pipe.pause();
    setTimeout(() => this.pipe.resume(), tricklePauseMs).unref();
  }
}

/** The last bytes of a file; empty when there is none. */
export async function tailOf(path: string, bytes: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (isGone(error)) return new Uint8Array();
    throw error;
  }
}
